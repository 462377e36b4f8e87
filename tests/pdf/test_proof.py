"""The proof that a PDF holds all pieces."""

import pypdfium2
from nbformat.v4 import new_markdown_cell
from pdf.helpers import blocks_of, code, convert, png, result

from hwlib.pdf.blocks import MarkupBlock
from hwlib.pdf.pandoc import Markup
from hwlib.pdf.proof import Missing, Reader, find_missing, holds_both_ways, letters, summarize


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


def test_accents_quotes_and_letters_of_two_units_are_not_compared():
    assert letters("L\u2019\u00e9t\u00e9 \U0001d465 \ufb01n") == letters("L'e\u0301te\u0301 fin")
    assert letters("a - b") == letters("ab") != letters("ac")


def test_an_accent_that_stands_behind_the_sign_after_its_formula_loses_no_cell(monkeypatch):
    seen = "mean (\U0001d707 = \U0001d703\U0001d465),\u0304 persistence, and"
    monkeypatch.setattr("hwlib.pdf.proof.read_text", lambda pdf: seen)
    pdf = convert(new_markdown_cell("text"), strict=False)
    assert find_missing(pdf, [markup_block(cells=["), persistence, and"])]) == []
    lost = find_missing(pdf, [markup_block(cells=["), resistance"])])
    assert lost == [Missing(1, "table cell", "), resistance")]


def test_a_piece_found_too_far_ahead_does_not_hide_the_later_ones():
    long = "anunmistakablepiecethatstandstwice"
    reader = Reader("first" + long[:5] + "second" + "x" * 5000 + long + "one")
    assert reader.find("first") and reader.find("one") and reader.find("second")
    reader = Reader("firstsecond" + "x" * 5000 + long)
    assert reader.find("first") and reader.find(long) and reader.find("second")
    assert not reader.find("third")


def test_text_parted_by_a_footnote_is_found_and_lost_text_is_not():
    text = "the paragraph begins" + "1 a footnote" + "and ends on the next page"
    assert Reader(text).find_parted("the paragraph beginsand ends on the next page")
    assert not Reader(text).find_parted("the paragraph beginsand loses a word")


def test_words_from_right_to_left_are_found_in_both_orders():
    piece = "\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd snake_case \u0633\u0644\u0627\u0645"
    seen = letters("snakecase \u05dd\u05d5\u05dc\u05e9 \u0645\ufefb\u0633")
    assert holds_both_ways(seen, piece)
    assert not holds_both_ways(seen, "\u05e9\u05dc\u05d2")


def test_a_piece_parted_by_a_page_s_end_is_not_taken_for_one_that_begins_alike():
    alike = [f"common beginning of pieces, continued by {n} of many numbers" for n in range(9)]
    wanted = letters("common beginning of pieces, continued by the one that we want")
    page = wanted[:30] + "foot" + wanted[30:]
    reader = Reader(letters("".join(alike)) + page + "end")
    assert reader.find_parted(wanted) and reader.find("end")
    assert not Reader(letters("".join(alike)) + wanted[:30]).find_parted(wanted)


def test_words_from_right_to_left_are_found_in_any_order_of_their_letters():
    page = letters("המזהה 0002354nm בסרט יבדנچعدی")
    assert holds_both_ways(page, "המזהה nm0002354")
    assert not holds_both_ways(page, "המזהה nm0002355")
    assert not holds_both_ways(page, "המזהה שאבד")


def test_a_title_that_is_not_on_the_pages_is_found():
    pdf = convert(new_markdown_cell("# Kept title\n\ntext"))
    assert find_missing(pdf, [], "Kept title") == []
    (missing,) = find_missing(pdf, [], "Lost title")
    assert str(missing) == "the notebook has the title 'Lost title', the PDF does not"


def test_long_titles_and_characters_without_a_font_stay_on_the_page():
    assert convert(new_markdown_cell(f"# {'very_long_name_' * 12}\n\ntext"))
    unprintable = "\U00012000" * 10  # cuneiform, in no font here
    assert convert(new_markdown_cell(f"{unprintable}**{unprintable}**{unprintable}"), strict=True)
