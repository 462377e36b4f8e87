"""The proof that a PDF holds all pieces."""

import pypdfium2
from nbformat.v4 import new_markdown_cell
from pdf.helpers import blocks_of, code, convert, png, result

from hwlib.pdf.blocks import MarkupBlock
from hwlib.pdf.pandoc import Markup
from hwlib.pdf.proof import Missing, find_missing, summarize


def markup_block(**lists) -> MarkupBlock:
    return MarkupBlock(1, "", Markup("", **lists), {}, is_output=False)


def test_all_missing_pieces_are_found():
    pdf = convert(code("kept = 1"), code("second = 2", count=2))
    figure = result(image__png=png(4, 4))
    blocks = blocks_of(code("kept = 1\nlost = 3"), code("second = 2\ngone = 4", figure, count=2))
    assert find_missing(pdf, blocks) == [
        Missing(1, "line", "lost = 3"),
        Missing(2, "line", "gone = 4"),
        Missing(2, "figure", "Figure 1."),
    ]


def test_a_summary_names_the_first_and_counts_the_others():
    first, second = Missing(2, "line", "x = 1"), Missing(3, "figure", "Figure 1.")
    assert summarize([first]) == "cell 2 holds the line 'x = 1', the PDF does not."
    wanted = "cell 2 holds the line 'x = 1', the PDF does not, nor 1 more piece."
    assert summarize([first, second]) == wanted


def test_headings_must_stand_among_the_bookmarks_in_their_order():
    pdf = convert(new_markdown_cell("text\n\n## One\n\n## Two $x$\n\n### Three"))
    for headings, missing in (
        (["One", "Three"], []),
        (["Three", "One"], ["One"]),
        (["Four", "One"], ["Four"]),
    ):
        found = find_missing(pdf, [markup_block(headings=headings)])
        assert found == [Missing(1, "heading", piece) for piece in missing]


def test_prose_is_proven_over_hyphens_and_page_ends():
    words = "characteristically incomprehensible interdisciplinary considerations " * 90
    pdf = convert(new_markdown_cell(f"{words}\n\n*last* words[^1]\n\n[^1]: note"))
    assert len(pypdfium2.PdfDocument(pdf)) > 1
    assert find_missing(pdf, [markup_block(words=["lost"])]) == [Missing(1, "text", "lost")]
