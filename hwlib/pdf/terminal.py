"""What a terminal would show of a program's output."""

import re

# What does not move the cursor: addresses of links and titles of windows (OSC and the like),
# colours and modes (CSI), character sets, and what is cut off in the middle.
STRINGS = r"\x1b[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?"
SEQUENCE = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
MOVE = r"\x1b\[\d*[A-DGK]"
SILENT = re.compile(rf"(?!{MOVE})(?:{STRINGS}|{SEQUENCE}|\x1b[ -/]*[0-~]?|\x07)")
# What moves a terminal's cursor.
CONTROL = re.compile(rf"(\r|\x08|{MOVE})")
FARTHEST = 1000  # rows or columns that the cursor may be moved beyond what is written
PROGRESS_BAR = re.compile(
    r"(?P<name>[^|\]\n]{0,200}?)(?P<share>\d+%)\|[^|\n]*\| *(?P<steps>\S+/\S+) "
    r"\[(?P<state>[^\]\n]*)\]"
    r"|\d+\w*it \[\d\d:\d\d(?P<counted>[^\]\n]*)\]"
)


class Screen:
    """Rows of characters, and a cursor that writes over them."""

    def __init__(self) -> None:
        self.rows: list[str | list[str]] = [""]  # those that are written twice are lists
        self.row = self.column = 0

    def characters(self) -> list[str]:
        """Return the cursor's row as a list that can be changed, in a time that does not grow."""
        row = self.rows[self.row]
        if isinstance(row, str):
            row = self.rows[self.row] = list(row)
        return row

    def write(self, text: str) -> None:
        """Write a text without ends of lines."""
        if not self.column and not self.rows[self.row]:
            self.rows[self.row] = text
        else:
            row = self.characters()
            row.extend(" " * (self.column - len(row)))
            row[self.column : self.column + len(text)] = text
        self.column += len(text)

    def start_line(self) -> None:
        """Move the cursor to the beginning of the next row."""
        self.row, self.column = self.row + 1, 0
        if self.row == len(self.rows):
            self.rows.append("")

    def go_to(self, row: int, column: int) -> None:
        """Move the cursor, not farther than ``FARTHEST`` beyond what is written."""
        self.row = max(0, min(row, max(len(self.rows) - 1, FARTHEST)))
        self.rows.extend([""] * (self.row + 1 - len(self.rows)))
        self.column = max(0, min(column, max(len(self.rows[self.row]), FARTHEST)))

    def obey(self, control: str) -> None:
        """Do what a control character or sequence says."""
        command = control[-1]
        if command == "K":
            start = self.column if control[2:-1] in ("", "0") else 0
            del self.characters()[start:]
            return
        step = min(int(control[2:-1][:9] or 1), FARTHEST)
        column = {"\r": 0, "G": step - 1}.get(command, self.column)
        column += {"\x08": -step, "D": -step, "C": step}.get(command, 0)
        self.go_to(self.row + {"A": -step, "B": step}.get(command, 0), column)


def shorten_bar(bar: re.Match[str]) -> str:
    """Return what a progress bar has to say in the end, as a loss; nothing if it only counts."""
    news = (bar["state"] or bar["counted"] or "").split(", ")[2:]  # behind the time and the rate
    if not news:
        return ""
    name = f"{bar['name']}{bar['share']} {bar['steps']}, " if bar["share"] else ""
    return name + ", ".join(news)


def without_bar(row: str) -> str | None:
    """Return a row without its progress bars; None if nothing is left."""
    if "%|" not in row and "it [" not in row:
        return row
    shortened = PROGRESS_BAR.sub(shorten_bar, row)
    return shortened if shortened.strip() or shortened == row else None


def on_screen(text: str) -> str:
    """Return what is seen in the end, without colours, and of progress bars what they report."""
    screen, finished = Screen(), SILENT.sub("", text)
    for number, line in enumerate(finished.split("\n")):
        if number:
            screen.start_line()
        for part in CONTROL.split(line):
            if CONTROL.fullmatch(part):
                screen.obey(part)
            elif part:
                screen.write(part)
    rows = (without_bar("".join(row).rstrip()) for row in screen.rows)
    return "\n".join(row for row in rows if row is not None).strip("\n")


def without_colours(text: str) -> str:
    """Return a text without the sequences that only colour or format it."""
    return SILENT.sub("", text)
