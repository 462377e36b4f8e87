"""What a terminal would show of a program's output."""

import re

from nbconvert.filters import strip_ansi

# What moves a terminal's cursor, and the lines that say nothing on paper.
CONTROL = re.compile(r"(\n|\r|\x08|\x1b\[\d*[A-DGK])")
FARTHEST = 1000  # rows or columns that one sequence may move the cursor
PROGRESS_BAR = re.compile(r"\d+%\|[^|]*\| *\S+/\S+ \[.*\]|\d+\w*it \[\d\d:\d\d.*\]")


def on_screen(text: str) -> str:
    """Return what is seen in the end, without colours and finished progress bars."""
    rows, row, column = [""], 0, 0
    for part in CONTROL.split(text):
        command, line = part[-1:], rows[row]
        if not CONTROL.fullmatch(part):
            plain = without_colours(part)
            rows[row] = line[:column].ljust(column) + plain + line[column + len(plain) :]
            column += len(plain)
        elif command == "K":
            rows[row] = line[:column] if part[2:-1] in ("", "0") else ""
        elif command == "\n":
            row, column = row + 1, 0
        else:
            step = min(int(part[2:-1] or 1), FARTHEST)
            column = step - 1 if command in "\rG" else column
            column = max(0, column + {"\x08": -step, "D": -step, "C": step}.get(command, 0))
            row = max(0, row + {"A": -step, "B": step}.get(command, 0))
        rows.extend([""] * (row + 1 - len(rows)))
    kept = [row.rstrip() for row in rows if not PROGRESS_BAR.search(row)]
    return "\n".join(kept).strip("\n")


def without_colours(text: str) -> str:
    """Return a text without the sequences that only colour or format it."""
    return str(strip_ansi(text))
