"""Titles, boxes, links, pictures in texts, and the direction of writing."""

import io
import re

import pandas as pd
import pypdfium2
import pytest
from nbformat.v4 import new_markdown_cell
from pdf.helpers import blocks_of, code, convert, describe, png, result, squeezed, stream, text_of
from pypdf import PdfReader

from hwlib.pdf.compiler import compile_document
from hwlib.pdf.formula_proof import read_tags
from hwlib.pdf.receipt import read_receipt


def convert_text(*texts: str) -> bytes:
    return convert(*map(new_markdown_cell, texts))


def markup_of(text: str) -> str:
    return "\n".join(block.markup.markup for block in blocks_of(new_markdown_cell(text)))


def positions(pdf: bytes, word: str) -> list[tuple[float, float]]:
    """Left and right edge of each place at which a word stands on the first page, in points."""
    page = pypdfium2.PdfDocument(pdf)[0].get_textpage()
    text = page.get_text_range()
    places = [(found.start(), found.end() - 1) for found in re.finditer(re.escape(word), text)]
    boxes = [(page.get_charbox(first), page.get_charbox(last)) for first, last in places]
    return [(min(a[0], b[0]), max(a[2], b[2])) for a, b in boxes]


def picture_sizes(pdf: bytes) -> list[tuple[int, int]]:
    """Width and height in points of all pictures."""
    document = pypdfium2.PdfDocument(pdf)
    boxes = [o.get_bounds() for page in document for o in page.get_objects() if o.type == 3]
    return [(round(right - left), round(top - low)) for left, low, right, top in boxes]


def inner_links(pdf: bytes) -> int:
    """Number of links that lead to a place in the PDF itself, without those of the contents."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    links = [a.get_object() for page in pages for a in page.get("/Annots") or []]
    return sum("/Dest" in link or link.get("/A", {}).get("/S") == "/GoTo" for link in links)


@pytest.mark.parametrize(
    ("cells", "title"),
    [
        (["# Plain", "text"], "Plain"),
        (["# A *styled* `title`<a id='top'></a> [link](x)"], "A styled title link"),
        (["![logo](x.png)\n\n# Below a picture"], "Below a picture"),
        (["Title in two lines\n===\n\ntext"], "Title in two lines"),
        (["<h1 align='center'>In <b>HTML</b></h1>"], "In HTML"),
        (["## Chapter", "# In the second cell"], "In the second cell"),
        (["# The map $\\hat f$ of $x^2$"], "The map f̂ of x^2"),
        (["no heading"], "Notebook"),
    ],
)
def test_the_first_heading_of_level_1_is_the_title(cells, title):
    document = describe(*map(new_markdown_cell, cells))
    assert document.title_block.title == title
    assert convert_text(*cells)  # the proof finds the title


def test_a_title_is_printed_once_unless_it_holds_more_than_words():
    assert squeezed(convert_text("# Unique words\n\ntext")).count("Uniquewords") == 1
    once = squeezed(convert_text("A preamble.", "# Only one\n\ntext", "## Part"))
    assert once.count("Onlyone") == 1
    chapters = convert_text("A preamble.", "# First chapter\n\ntext", "# Second chapter")
    assert squeezed(chapters).count("Firstchapter") == 2
    outputs = code("f()", result(text__markdown="# An output"))
    assert describe(outputs).title_block.title == "Notebook"


def test_a_title_s_formulas_are_set_once():
    pdf = convert_text("Above.", "# The map $\\hat f(x^2)$\n\ntext", "## Part")
    assert "hat" not in text_of(pdf) and squeezed(pdf).count("Themap") == 1
    assert set(read_tags(pypdfium2.PdfDocument(pdf)).formulas) == {r"\hat f(x^2)"}


def test_a_title_and_the_contents_are_written_in_their_own_direction():
    title, part = "מבוא ל-PyTorch ורשתות Deep Learning בעברית", "חלק ראשון: Tensors"
    pdf = convert_text(f"# {title}", *[f"## {part} {n}" for n in range(3)])
    (left, _), (right, _) = positions(pdf, "Learning")[0], positions(pdf, "PyTorch")[0]
    assert left < right
    assert positions(pdf, "Tensors")[0][0] > 400  # and its page's number at the left
    assert read_receipt(pdf).standard == "PDF/UA-1"


def test_a_heading_in_the_contents_leaves_no_marks_of_direction_in_letters():
    parts = ["## דור", "## הצורך", "## מנון", "## EAFP או LBYL", "שנצטרך היגיון בזמן"]
    pdf = convert_text("# ספר", *parts)
    text = text_of(pdf)
    assert "דור" in text and not set("\u202a\u202b\u202c\u200e\u200f") & set(text)
    assert positions(pdf, "LBYL")[0][0] > 400  # at the right, as all entries are


def test_a_heading_whose_word_holds_dots_or_dashes_is_a_heading_that_links_lead_to():
    pdf = convert_text("# T\n\n[on](#a--b...) [last](#finally...)", "## Finally...", "## a--b...")
    titles = [i.get_title() for i in pypdfium2.PdfDocument(pdf).get_toc()]
    assert titles == ["Finally...", "a--b..."] and inner_links(pdf) == 2


def test_a_heading_s_line_breaks_are_blanks_and_pictures_alone_are_no_heading():
    picture = f"![](data:image/png;base64,{png(9, 9)})"
    pdf = convert_text(f"# T\n\n## one<br>two\n\n## {picture}\n\n## <!-- -->\n\n## last")
    assert [i.get_title() for i in pypdfium2.PdfDocument(pdf).get_toc()] == ["one two", "last"]
    assert read_receipt(pdf).standard == "PDF/UA-1"


def page_of(pdf: bytes, word: str) -> int:
    """The first page on which a word stands, from 1."""
    texts = [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf)]
    return next(number for number, text in enumerate(texts, start=1) if word in text)


TABLE = pd.DataFrame({"name": [f"row_{n}" for n in range(12)]})
SENTENCE = result(text__markdown="INTRO says what the table shows.")
ROWS = "| name |\n|---|\n" + "\n".join(TABLE["name"])


@pytest.mark.parametrize(
    "cells",
    [
        [new_markdown_cell(f"INTRO is the first part.\n\n{ROWS}")],
        [new_markdown_cell("INTRO:"), code("f()", result(text__html=TABLE.to_html()))],
        [new_markdown_cell("INTRO שלום לכולם:"), code("f()", stream(TABLE.to_string()))],
        [code("f()", stream("INTRO:\n"), result(text__html=TABLE.to_html()))],
        [code("f()", SENTENCE, result(text__markdown="More."), result(text__html=TABLE.to_html()))],
    ],
)
def test_a_page_s_end_does_not_part_an_introduction_from_what_follows(cells):
    for lines in (26, 28, 30):  # one is left on the page for the introduction alone
        pdf = convert(new_markdown_cell("\n\n".join(f"line {n}" for n in range(lines))), *cells)
        assert page_of(pdf, "INTRO") == page_of(pdf, "row_11")
    assert read_receipt(pdf).standard == "PDF/UA-1"


def test_many_introductions_of_a_large_figure_are_on_several_pages():
    texts = [new_markdown_cell(f"text {n}:") for n in range(70)]
    pdf = convert(*texts, code("f()", result(image__png=png(300, 2000))))
    assert page_of(pdf, "text 0:") == 1 and page_of(pdf, "text 69:") == page_of(pdf, "f()") == 2


def test_links_in_headings_do_not_part_the_lines_of_the_contents():
    parts = "\n\n".join(f"## [Part {n}](#part-{n})\n\ntext" for n in range(5))
    lines = [
        " ".join(line.split()) for line in text_of(convert_text(f"# T\n\n{parts}")).splitlines()
    ]
    contents = [line for line in lines if re.fullmatch(r"Part \d [. ]+1", line)]
    assert len(contents) == 5


def test_no_level_of_headings_is_skipped():
    pdf = convert_text("# T", "### deep\n\n##### deeper\n\n### deep again\n\n# top\n\n#### below")
    levels = [item.level for item in pypdfium2.PdfDocument(pdf).get_toc()]
    assert levels == [0, 1, 0, 0, 1] or levels == [1, 2, 1, 0, 1], levels


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('<div class="alert alert-block alert-info">inside</div>', "info"),
        ('<div class="alert alert-danger">inside</div>', "danger"),
        ('<div style="border: 1px solid red; padding: 2px">inside</div>', "plain"),
        ('<div style="background-color: #eee">inside</div>', "plain"),
        ("<details><summary>Hint</summary>\n\ninside **it**\n\n</details>", "plain"),
        ("> [!WARNING]\n> inside", "warning"),
    ],
)
def test_boxes_are_boxes(text, kind):
    markup = markup_of(f"before\n\n{text}\n\nafter")
    before, box, after = re.fullmatch(
        r'(.*)#boxed\("\w+"\)\[(.*)\n\](.*)', markup, re.DOTALL
    ).groups()
    assert f'#boxed("{kind}")[' in markup
    assert "inside" in box and "before" in before and "after" in after
    assert "inside" in text_of(convert_text(text))


def test_a_division_without_a_border_is_no_box():
    text = '<div style="border: none; border-collapse: collapse">a</div>'
    assert "#boxed" not in markup_of(text)


def test_blocks_do_not_run_together():
    pdf = convert_text("<div>one</div><div>two</div>three<p>four</p>")
    lines = [line.strip() for line in text_of(pdf).splitlines()]
    assert [line for line in lines if line in ("one", "two", "three", "four")] == [
        "one", "two", "three", "four",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("target", "address"),
    [
        ("## My Heading", "#My-Heading"),  # as JupyterLab writes it
        ("## My Heading", "#my-heading"),  # as GitHub does
        ("## מבוא לרשתות", "#מבוא-לרשתות"),
        ("## Größe", "#Gr%C3%B6%C3%9Fe"),
        ('<a id="fig_1"></a>\n\ntext', "#fig_1"),
        ('## Part <a name="part"></a>', "#part"),
        ('text <span id="x.y">here</span>', "#x.y"),
        ('<div id="box">text</div>', "#box"),
    ],
)
def test_links_within_the_notebook_lead_to_their_places(target, address):
    assert inner_links(convert_text(target, f"see [there]({address})")) == 1


def test_links_to_nowhere_are_their_words():
    pdf = convert_text("# T\n\n[one](#none) [two]() [three](javascript:x) [four](<>)")
    assert inner_links(pdf) == 0
    assert "one two three four" in text_of(pdf)
    assert not PdfReader(io.BytesIO(pdf)).pages[0].get("/Annots")


def test_addresses_are_broken_without_hyphens_and_other_characters():
    address = "https://data.example.org/v1/series?country=DE&indicator=NY.GDP.MKTP.CD&" + "x" * 150
    text = "".join(text_of(convert_text(f"Series: {address} and `{address}`")).split())
    assert text.count(address) == 2


def test_pictures_have_the_size_that_the_text_gives_them():
    source = f"data:image/png;base64,{png(400, 200)}"
    pdf = convert_text(
        f'<img src="{source}" width="100">',
        f'<img src="{source}" style="width: 50%">',
        f'<img src="{source}" height="80px">',
        f"![alt]({source})",
        f'<img src="{source}" width="9000">',
    )
    assert picture_sizes(pdf) == [(75, 38), (241, 120), (120, 60), (300, 150), (482, 241)]


def test_icons_are_as_high_as_their_line_and_tall_pictures_fit_on_a_page():
    icon, tall = (f"data:image/png;base64,{png(*size)}" for size in ((48, 48), (300, 3000)))
    (width, height), (_, whole) = picture_sizes(convert_text(f"![i]({icon}) words", f"![]({tall})"))
    assert width == height and 10 < height < 16
    assert 600 < whole < 680


def test_tall_figures_stay_readable_and_wide_ones_small():
    figures = [code("f()", result(image__png=png(*size))) for size in ((640, 480), (640, 2000))]
    (_, usual), (_, tall) = picture_sizes(convert(*figures))
    assert usual < 345 and tall > 600


def test_remote_pictures_are_short_links_and_not_in_headings():
    address = "https://img.example.org/a/very/long/way/to/the/picture/of/a/badge.svg"
    pdf = convert_text(f"# T ![badge]({address})\n\n## ![]({address}) Two", f"![]({address})")
    text = text_of(pdf)
    assert "img.example.org/…/badge.svg" in text and "very/long" not in text
    assert [item.get_title() for item in pypdfium2.PdfDocument(pdf).get_toc()] == ["Two"]


def test_a_picture_stays_with_its_caption():
    source = f"data:image/png;base64,{png(100, 100)}"
    figure = f'<figure><img src="{source}"><figcaption>It <i>rises</i>.</figcaption></figure>'
    assert "#captioned[" in markup_of(figure)
    assert "It rises." in text_of(convert_text(figure))
    for caption in ("*Figure 1: x*", "Figure 1. x", "Fig. 2 shows x"):
        assert "#captioned[" in markup_of(f"![a]({source})\n\n{caption}")
    assert "#captioned[" not in markup_of(f"![a]({source})\n\nOrdinary text")


def test_direction_follows_most_letters_or_what_is_said():
    right = convert_text("Python היא שפת תכנות נפוצה מאוד בעולם")
    left = convert_text("The word שלום means peace in Hebrew")
    said = convert_text('<p dir="rtl">said in English</p>\n\n<p>after</p>')
    ltr = convert_text('<div dir="ltr">שלום לכולם</div>')
    assert positions(right, "Python")[0][1] > 500
    assert positions(left, "The")[0][0] < 60
    assert positions(said, "English")[0][1] > 500 and positions(said, "after")[0][0] < 60
    assert positions(ltr, "ש")[0][0] < 150


def test_text_is_aligned_as_it_says():
    pdf = convert_text('<p align="center">middle</p>', "<center>centre</center>", "left")
    assert positions(pdf, "middle")[0][0] > 250 and positions(pdf, "centre")[0][0] > 250
    assert positions(pdf, "left")[0][0] < 60


@pytest.mark.parametrize(
    "text",
    [
        "**a**.b",
        "*a*.b(c)[d]",
        "`x`.y",
        "$x$.shape",
        "[x](y).z",
        "<q>said</q>",
        "a <kbd>Ctrl</kbd>.c",
    ],
)
def test_words_after_markup_are_words(text):
    pdf = convert_text(text)
    assert ".b" in text_of(pdf) or ".b" not in text


def test_dashes_and_dots_stand_as_they_are_written():
    text = "a--b c---d e...f g-?h i--j.k -1 2-3 ... -- (x--y)"
    assert text in " ".join(text_of(convert_text(text)).replace("\u2212", "-").split())
    cell = f"| a | b |\n|---|---|\n| {text} | x |"
    assert text in " ".join(text_of(convert_text(cell)).replace("\u2212", "-").split())


def test_footnotes_may_be_defined_in_another_cell():
    pdf = convert_text("One[^a] and two[^b].", "[^a]: The first\n    goes on.\n\n[^b]: The second.")
    text = " ".join(text_of(pdf).split())
    assert "The first goes on." in text and "The second." in text
    assert text.count("The second.") == 1


def test_a_footnote_without_a_mark_is_a_text_and_its_formulas_are_proven():
    pdf = convert_text("[^used]: A note with $x$.\n\n[^lost]: Nobody marks $y$.", "Here[^used].")
    assert "lost: Nobody marks" in " ".join(text_of(pdf).split())


def test_a_note_within_code_is_code():
    pdf = convert_text("```\n[^a]: in code\n```", "One[^a].")
    assert text_of(pdf).count("in code") == 1


@pytest.mark.parametrize(
    "text",
    [
        '<div class="alert-info&quot;]#panic()[" style="border:1px;]#panic()">a</div>',
        '<span style="color: red);#panic()" id="]#panic()" typst:text:fill="panic()">a</span>',
        '<img src="x.png" width="1);#panic()" alt="&quot;);#panic()">',
        '[a](#"\\);panic\\(\\))',
        '<h2 id="x>#panic()" typst:fill="panic()">a</h2>',
        '<figure><img src="x"><figcaption>]#panic()</figcaption></figure>',
    ],
)
def test_no_attribute_becomes_code(text):
    document = describe(new_markdown_cell(text))
    assert len(document.blocks) == 1
    assert compile_document(document)[1].warnings == []  # nothing is printed as it was written


def test_the_ends_of_code_in_a_text_are_not_parted():
    for length in range(45, 60, 3):
        lines = "\n".join(f"line{n}" for n in range(length))
        pages = pypdfium2.PdfDocument(convert_text(f"# T\n\n## Part\n\n```\n{lines}\n}}\n```"))
        counts = [page.get_textpage().get_text_range().count("line") for page in pages]
        assert len(counts) == 1 or counts[-1] >= 4, counts
    assert text_of(convert_text(f"```\n{'x ' * 20_000}end\n```")).count("end") == 1
