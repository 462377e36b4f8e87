"""Write the results of a made-up class, to look at its pages.

    python benchmarks/leaderboard.py out/made-up

docs/leaderboard.png is a picture of its leaderboard.html:

    chromium --headless --window-size=1200,1000 --screenshot=docs/leaderboard.png \
        file://$PWD/out/made-up/leaderboard.html
"""

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hwlib.grading.record import Record
from hwlib.grading.results import write_results
from hwlib.grading.rubric import DEFAULT, read_rubric

FIRST = ["Noa", "Dan", "Maya", "Amir", "Lena", "Omar", "Tal", "Yuki", "Ines", "Paul"]
LAST = ["Levi", "Cohen", "Haddad", "Fischer", "Sato", "Costa"]
PICTURES = 250
PROBLEM = "The PDF was not made from this notebook: the content hashes differ."


def made_up(number: int, generator: np.random.Generator) -> Record:
    """Return the record of a hand-in that nobody made."""
    parameters = int(2 ** generator.uniform(14, 19))
    share = min(0.98, generator.normal(0.42 + 0.035 * (parameters.bit_length() - 4), 0.05))
    right = "".join("01"[int(number < share)] for number in generator.random(PICTURES))
    name = f"{FIRST[number % len(FIRST)]} {LAST[number % len(LAST)]}"
    return Record(
        key="made up",
        submission=f"{name}_{5000 + number}_assignsubmission_file_",
        moodle_number=str(5000 + number),
        q3_accuracy=float(generator.uniform(0.92, 0.95)),
        q4_correct=right.count("1"),
        q4_total=PICTURES,
        parameters=parameters,
        right=right,
        answers=[str(generator.integers(9)) for _ in right],
        problems=[PROBLEM] if number % 7 == 3 else [],
    )


def main() -> None:
    """Write the pages of 30 made-up hand-ins, the same ones each time."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("out", type=Path, help="folder for the results")
    options = parser.parse_args()
    generator = np.random.default_rng(42)
    records = [made_up(number, generator) for number in range(30)]
    write_results(records, options.out, read_rubric(DEFAULT), worksheet=None)


if __name__ == "__main__":
    main()
