"""What printed text looks like at the end: carriage returns, backspaces and cursor moves done."""

import re

from nbconvert.filters import strip_ansi

CONTROL = re.compile(r"(\n|\r|\x08|\x1b\[\d*[A-DGK])")
FARTHEST = 1000  # rows or columns that one sequence may move the cursor
PROGRESS_BAR = re.compile(r"\d+%\|[^|]*\| *\S+/\S+ \[.*\]|\d+\w*it \[\d\d:\d\d.*\]")


def move(command: str, step: int, row: int, column: int) -> tuple[int, int]:
    """The cursor's row and column after a control character or a sequence that ends in it."""
    if command == "\n":
        return row + 1, 0
    if command in "\rG":
        return row, step - 1
    rows = {"A": -step, "B": step}.get(command, 0)
    columns = {"\x08": -step, "D": -step, "C": step}.get(command, 0)
    return max(0, row + rows), max(0, column + columns)


def on_screen(text: str) -> str:
    """What a terminal would show in the end, without colours.

    Finished progress bars are left out: they say nothing on paper.
    """
    rows, row, column = [""], 0, 0
    for place, part in enumerate(CONTROL.split(text)):
        line = rows[row]
        if place % 2 == 0:  # every other part is a control
            plain = strip_ansi(part)
            rows[row] = line[:column].ljust(column) + plain + line[column + len(plain) :]
            column += len(plain)
        elif part[-1] == "K":
            rows[row] = line[:column] if part[2:-1] in ("", "0") else ""
        else:
            step = min(int(part[2:-1] or 1), FARTHEST)
            row, column = move(part[-1], step, row, column)
            rows.extend([""] * (row + 1 - len(rows)))
    kept = [row.rstrip() for row in rows if not PROGRESS_BAR.search(row)]
    return "\n".join(kept).strip("\n")
