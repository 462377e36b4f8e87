"""Tables: templates/tables.lua and tables.typ."""

import re

import pandas as pd
import pypdfium2
import pytest
from nbformat.v4 import new_markdown_cell
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
    block = MarkupBlock(1, "", Markup("", cells=["column_29", "-43.6"]), {}, is_output=True)
    assert [(m.kind, m.piece) for m in find_missing(pdf, [block])] == [("table cell", "-43.6")]


def test_cells_of_several_rows_are_found_where_typst_sets_them():
    index = pd.MultiIndex.from_product([["early", "late"], [1, 2]])
    table = pd.DataFrame({"x": ["early", "b", "c", "d"]}, index=index).to_html()
    pdf = convert(code("table", result(text__html=table)), code("after = 1", count=2))
    assert "after = 1" in text_of(pdf)


def markup_of(html: str) -> str:
    (markup,), *_ = to_typst([Piece(HTML, html)])
    return markup.markup


def test_columns_of_numbers_are_aligned_right():
    table = pd.DataFrame({"a": [1.5, -2e-3], "b": ["x", "y"]}, index=["r", "s"])
    assert "align: (left,right,left,)" in markup_of(table.to_html())
    special = pd.DataFrame({"a": [1.5, float("nan"), float("inf")], "b": ["-", "1e+05", None]})
    assert "align: (left,right,right,)" in markup_of(special.to_html())


def test_group_headers_are_centred_on_their_columns():
    columns = pd.MultiIndex.from_product([["left", "right"], ["mean", "std"]])
    markup = markup_of(pd.DataFrame([[1, 2, 3, 4]], columns=columns).to_html())
    assert markup.count("colspan: 2") == 2 and markup.count("align: center, colspan: 2") == 2


def test_a_cell_s_option_is_the_caption_of_its_table():
    table = "<table><tr><th>a</th></tr><tr><td>1</td></tr></table>"
    cell = code('#| tbl-cap: "Mean by group"\nf()', result(text__html=table, text__plain="a"))
    assert text_of(convert(cell)).count("Mean by group") == 2  # in the source, and as a caption


def test_captions_are_printed_and_proven():
    html = "<table><caption>Sales by region</caption><tr><td>a</td></tr></table>"
    cell = code("table", result(text__html=html))
    assert "Sales by region" in text_of(convert(cell))
    (markup,), *_ = to_typst([Piece(HTML, html)])
    assert "Sales by region" in markup.words


def test_unclosed_and_nested_cells_are_read():
    (markup,), *_ = to_typst([Piece(HTML, "<table><tr><td>a<td>b<tr><td>c<td>d</table>")])
    assert markup.cells == ["a", "b", "c", "d"] and "columns: 2" in markup.markup
    nested = "<table><tr><td><table><tr><td>in</td></tr></table></td><td>beside</td></tr></table>"
    text = text_of(convert(code("table", result(text__html=nested))))
    assert "in" in text and "beside" in text


def test_tables_are_broken_by_their_height_and_shortened_if_very_long():
    rows = pd.DataFrame({"x": [f"row {n}" for n in range(34)]}).to_html()
    assert len(pypdfium2.PdfDocument(convert(*[code("t", result(text__html=rows))] * 3))) <= 4
    long = pd.DataFrame({"heading": [f"row {n}" for n in range(2000)]}).to_html()
    pdf = convert(code("table", result(text__html=long)))
    text = text_of(pdf)
    assert "row 0" in text and "row 1999" in text and "row 1000" not in text
    assert "1800 more rows" in text
    assert text.count("heading") == len(pypdfium2.PdfDocument(pdf)) > 2


def test_long_columns_are_wrapped_and_type_is_never_small():
    words = pd.DataFrame({"n": [1], "text": ["a long sentence of many words " * 20]})
    assert "size: 8.5pt" in markup_of(words.to_html())
    groups = pd.MultiIndex.from_product([[f"group {n}" for n in range(9)], ["mean", "std", "max"]])
    wide = markup_of(pd.DataFrame([[-1234.56789] * 27] * 2, columns=groups).to_html())
    sizes = [float(size) for size in re.findall(r"size: ([\d.]+)pt", wide)]
    assert len(sizes) > 1 and min(sizes) >= 6 and wide.count("group 8") == 1


def test_a_row_of_44_kilobytes_is_shortened():
    (markup,), *_ = to_typst([Piece(HTML, f"<table><tr><td>{'x' * 44_000}<td>last</table>")])
    assert "40000 more characters" in markup.markup and len(markup.markup) < 10_000


def test_colours_are_those_of_the_style_sheet_and_nothing_else_is_code():
    html = (
        "<style>#T_a, #T_b { background-color: #023858; color: red }</style><table><tr>"
        '<td id="T_a">1</td><td id="T_b" typst:fill="panic()">2</td>'
        '<td style="background-color: x); panic(">3</td></tr></table>'
    )
    markup = markup_of(html)
    assert markup.count('fill: rgb("#023858")') == 2 and "panic" not in markup
    bar = (
        "<td style='background: linear-gradient(90deg, #d65f5f 40.0%, transparent 40.0%)'>0.5</td>"
    )
    text = text_of(convert(code("bar", result(text__html=f"<table><tr>{bar}</tr></table>"))))
    assert "0.5" in text


@pytest.mark.parametrize("sign", ["1.", "-", "+", "=", "==", "/"])
def test_signs_that_begin_a_list_elsewhere_stay_as_they_are(sign):
    """At the start of a cell, a link, a colour or a key."""
    begun = f"{sign} term: x"
    cells = [begun, f"[{begun}](https://example.org)", f"[{begun}](#here)", f"<kbd>{begun}</kbd>"]
    cells.append(f'<span style="color:red">{begun}</span>')
    rows = "\n".join(f"| {cell} | y |" for cell in cells)
    text = text_of(convert(new_markdown_cell(f"# Here\n\n| a | b |\n|---|---|\n{rows}")))
    assert text.count(f"{sign} term: x") == len(cells)
