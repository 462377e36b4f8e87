"""Long tables of outputs, of which the first and the last rows are printed."""

import re
from collections.abc import Sequence
from dataclasses import replace

from hwlib.pdf.blocks import CellBlock, RichOutputBlock
from hwlib.pdf.pandoc import HTML

LONGEST_HTML = 1_000_000  # characters of a table that pandoc reads whole
KEPT_ROWS = (150, 50)  # the first and the last of a longer table, as in templates/tables.lua
MOST_ROWS = 2000  # that long tables keep together: a row of ten cells takes Typst 0.2 MB
# A table of fewer rows would be measured (templates/tables.typ), which takes more memory than rows.
FEWEST_ROWS = (35, 11)
ROW = re.compile(r"<tr\b", re.IGNORECASE)


def shorten_html(html: str, kept: tuple[int, int] = KEPT_ROWS) -> str:
    """Return HTML that pandoc can read in seconds and little memory: of a long table the first and
    the last rows. One whose cells span several rows is cut only if it is very long, as is one of
    several tables.
    """
    rows = [row.start() for row in ROW.finditer(html)]
    first, last = kept
    first += sum(row < html.find("</thead>") for row in rows[:9])  # those of the head
    is_plain = html.count("<table") == 1 and "rowspan" not in html
    if len(rows) <= first + last + 1 or (not is_plain and len(html) <= LONGEST_HTML):
        return html
    columns = len(re.findall(r"<t[dh]\b", html[rows[first - 1] : rows[first]], re.IGNORECASE))
    notice = f"… {len(rows) - first - last} more rows are in the notebook …"
    cell = f'<tr><td colspan="{max(1, columns)}">{notice}</td></tr>'
    return html[: rows[first]] + cell + html[rows[-last] :]


def rows_to_keep(counts: Sequence[int]) -> tuple[int, int]:
    """Return how many first and last rows a table keeps at most, if a notebook's tables have so
    many rows each: all that a single one keeps, unless many are long.
    """
    whole = sum(KEPT_ROWS)
    total = sum(min(rows, whole) for rows in counts if rows > sum(FEWEST_ROWS))
    share = min(1, MOST_ROWS / max(1, total))
    first, last = (
        max(fewest, int(share * rows)) for rows, fewest in zip(KEPT_ROWS, FEWEST_ROWS, strict=True)
    )
    return first, last


def shorten_tables(blocks: list[CellBlock]) -> list[CellBlock]:
    """Return a notebook's blocks with its long tables shortened, a notice in place of the rows that
    are left out.
    """
    outputs = {
        place: block
        for place, block in enumerate(blocks)
        if isinstance(block, RichOutputBlock) and block.text_format == HTML
    }
    kept = rows_to_keep([len(ROW.findall(block.text)) for block in outputs.values()])
    shortened = list(blocks)
    for place, block in outputs.items():
        shortened[place] = replace(block, text=shorten_html(block.text, kept))
    return shortened
