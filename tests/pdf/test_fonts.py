"""Characters that fonts have or lack."""

from nbformat.v4 import new_markdown_cell, new_notebook
from pdf.helpers import blocks_of, code, convert, stream, text_of

from hwlib.pdf.exporter import TypstPDFExporter
from hwlib.pdf.fonts import replace_characters, unprintable


def test_every_script_is_printed_or_named(caplog):
    words = "שלום עולם Ж λ é → ≤ ✓"
    pdf = convert(
        new_markdown_cell(f"# {words}\n\n{words} and \U0010a000"),
        code(f's = "{words}"  # \U0010a001', stream(f"{words}\n")),
    )
    text = text_of(pdf)
    assert "שלום" in text and "✓" in text and "é" in text
    assert "U+10A000" in text and "U+10A001" in text
    assert "\U0010a000" in caplog.text and "font" in caplog.text


def test_only_what_no_font_has_is_unprintable():
    assert unprintable("plain é \u200b\U0010a001\U0010a000") == ["\U0010a000", "\U0010a001"]


def test_marks_without_a_font_are_named_and_selectors_are_not():
    assert unprintable("\u0e35\ufe0f\u0301") in (["\u0e35"], [])  # with a Thai font, or without


def test_a_name_without_a_font_is_printed_as_code_points():
    title = TypstPDFExporter().describe(new_notebook(), {"metadata": {"name": "\U00012000"}})
    assert title.title_block.title == "U+12000"


def test_a_formula_between_characters_without_a_font_stays_one():
    text = replace_characters("\U0010a000$w$\U0010a000$2^{-8} < w$\U0010a000", ["\U0010a000"])
    (block,) = blocks_of(new_markdown_cell(text))
    assert [formula.tex for formula in block.formulas] == ["w", "2^{-8} < w"]
