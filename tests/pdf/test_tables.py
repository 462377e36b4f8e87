"""Tables: templates/tables.lua and tables.typ."""

import pandas as pd
import pypdfium2
from pdf.helpers import blocks_of, code, convert, result, text_of

from hwlib.pdf.blocks import MarkupBlock
from hwlib.pdf.pandoc import HTML, Markup, Piece, to_typst
from hwlib.pdf.proof import find_missing


def test_a_wide_table_is_continued_below_and_its_cells_are_proven():
    columns = [f"column_{n}" for n in range(30)]
    table = pd.DataFrame([[-1.5 * n for n in range(30)]], columns=columns)
    cell = code("table", result(text__html=table.to_html()))
    pdf = convert(cell)
    assert "column_29" in text_of(pdf)
    page = pypdfium2.PdfDocument(pdf)[0]
    textpage = page.get_textpage()
    right_edges = [textpage.get_charbox(n)[2] for n in range(textpage.count_chars())]
    assert max(right_edges) < page.get_width() - 50
    assert find_missing(pdf, blocks_of(cell)) == []
    for cells, missing in ((["column_29", "column_0"], ["column_0"]), (["-43.6"], ["-43.6"])):
        block = MarkupBlock(1, "", Markup("", cells=cells), {}, is_output=True)
        assert [(m.kind, m.piece) for m in find_missing(pdf, [block])] == [("table cell", *missing)]


def test_cells_of_several_rows_are_found_where_typst_sets_them():
    index = pd.MultiIndex.from_product([["early", "late"], [1, 2]])
    table = pd.DataFrame({"x": ["early", "b", "c", "d"]}, index=index).to_html()
    pdf = convert(code("table", result(text__html=table)), code("after = 1", count=2))
    assert "after = 1" in text_of(pdf)


def test_columns_of_numbers_are_aligned_right():
    table = pd.DataFrame({"a": [1.5, -2e-3], "b": ["x", "y"]}, index=["r", "s"])
    (markup,), _ = to_typst([Piece(HTML, table.to_html())])
    assert "align: (left,right,left,)" in markup.markup
