"""Lines that fit the page."""

import pypdfium2
from pdf.helpers import code, convert, squeezed, stream, text_of

from hwlib.pdf.lines import COLUMNS, Token, code_lines, text_lines, to_lines, width_of


def test_long_lines_are_folded_and_nothing_is_lost():
    unbroken, spaced = "x" * 500, "value = " + " + ".join(f"term_{n}" for n in range(90))
    pdf = convert(code(f"{unbroken}\n{spaced}\n\tif tab:\n        pass", stream("y" * 700)))
    text = squeezed(pdf).replace("↪", "")
    for line in (unbroken, spaced.replace(" ", "")):
        assert line[:100] in text
    assert text.count("x") >= 500 and text.count("y") >= 700
    assert text_of(pdf).count("↪") >= 4 + 7 + 6


def test_folding_loses_no_character_and_counts_wide_ones_twice():
    lines = to_lines([Token("plain", "abc" * 50), Token("string", "漢字" * 60)])
    assert "".join(line.text for line in lines) == "abc" * 50 + "漢字" * 60
    assert [line.number for line in lines] == [1, None, None, None]
    widths = [sum(map(width_of, line.text)) for line in lines]
    assert COLUMNS == 100 and widths == [100, 100, 100, 90]


def test_source_code_is_coloured_by_kind():
    (line,) = code_lines("def twice(): return 2  # done", "python")
    styles = {token.text.strip(): token.style for token in line.tokens}
    assert styles["twice"] == "name" and styles["# done"] == "comment"
    assert styles["def"] == styles["return"] == "keyword" and styles["2"] == "number"
    (plain,) = code_lines("def twice()", "no such language")
    assert plain.tokens == [("plain", "def twice()")]


def test_very_long_outputs_keep_beginning_and_end():
    pdf = convert(code("loop()", stream("\n".join(f"line {n} of many" for n in range(10_000)))))
    text = text_of(pdf)
    assert "line 0 of" in text and "line 9999 of" in text and "line 5000 of" not in text
    assert "9,800 more lines" in text
    assert len(pypdfium2.PdfDocument(pdf)) < 8
    one_line = convert(code("big()", stream("z" * 100_000 + "end")))
    assert "end" in text_of(one_line) and "801 more lines" in text_of(one_line)


def test_an_output_with_a_frame_is_not_cut_if_it_fits_in_smaller_type():
    frame, text = "┏" + "━" * 113 + "┓", "word " * 23
    assert [line.text for line in text_lines(f"{frame}\n{text}")] == [frame, text]
    assert len(text_lines(text)) == 2
    assert len(text_lines("━" * 127)) == 2  # below 6 points
