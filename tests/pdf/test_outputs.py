"""Which form of an output is printed."""

import base64
import io
import os

import pypdfium2
import pytest
from nbformat.v4 import new_output
from pdf.helpers import blocks_of, code, convert, ink, png, result, stream, text_of
from PIL import Image

from hwlib.pdf.blocks import CodeBlock, MarkupBlock, TextBlock

WIDGET = "application__vnd.jupyter.widget-view+json"


def test_every_output_kind_is_printed():
    table = (
        "<table><thead><tr><th></th><th>loss</th></tr></thead>"
        "<tbody><tr><th>r</th><td>0.25</td></tr></tbody></table>"
    )
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9v9"/></svg>'
    error = new_output("error", ename="E", evalue="v", traceback=["\x1b[31mKeyError\x1b[0m: lost"])
    outputs = [
        result(text__html=table, text__plain="unwanted plain table"),
        result(**{"image__svg+xml": svg}),
        result(image__png=png(40, 30)),
        result(text__markdown="some **bold** words"),
        error,
        result(**{"text__x-python": "def shown(): pass", "text__plain": "no"}),
        result(**{WIDGET: {}, "text__plain": "IntSlider"}),
    ]
    pdf = convert(*(code("1", output, count=n) for n, output in enumerate(outputs)))
    text = text_of(pdf)
    for piece in ("0.25", "loss", "Figure 1", "Figure 2", "bold words", "KeyError: lost", "shown"):
        assert piece in text
    assert "unwanted" not in text and "IntSlider" not in text and "\x1b" not in text
    assert ink(pdf) > 0.02


def test_what_is_made_for_browsers_is_printed_or_named():
    picture = result(**{WIDGET: {}, "image__png": png(90, 90, "blue")})
    words = result(text__html="<i>set</i> words", text__plain="<IPython.core.display.HTML object>")
    script = result(text__html="<script>draw()</script>", application__json={})
    other = result(**{"application__vnd.plotly.v1+json": {}})
    pdf = convert(code("1", picture), code("2", words), code("3", script), code("4", other))
    text = text_of(pdf)
    assert "set words" in text and "IPython" not in text and "draw" not in text
    assert "A script for browsers alone" in text and "A Plotly chart" in text and "Figure 1" in text


FOLIUM = (
    '<div style="width:100%"><span>Make this Notebook Trusted to load map: File -> Trust Notebook'
    '</span><iframe srcdoc="&lt;!DOCTYPE html&gt;"></iframe></div>'
)


@pytest.mark.parametrize(
    ("data", "notice"),
    [
        ({"text/html": FOLIUM, "text/plain": "<folium.folium.Map at 0x7f2a>"}, "A map"),
        ({"application/vnd.vegalite.v5+json": {}, "text/plain": "alt.Chart(...)"}, "A Vega chart"),
        ({"text/html": "<div id='altair-viz-1'></div><script>1</script>"}, "A Vega chart"),
        (
            {"text/html": "<video controls>no support</video>", "text/plain": "<V object>"},
            "A video",
        ),
        ({"text/html": "<audio controls>none</audio>", "text/plain": "<A object>"}, "A sound"),
        ({"text/html": "<script>window.PlotlyConfig = {}</script>"}, "A script"),
        ({"text/html": "<div class='plotly-graph-div'></div>"}, "A Plotly chart"),
        ({"application/vnd.jupyter.widget-view+json": {}, "text/plain": "IntSlider()"}, "A widget"),
        ({"application/pdf": "JVBERi0=", "text/plain": "<Figure>"}, "A PDF file"),
        ({"application/x-other": "?"}, "An output of type application/x-other"),
    ],
)
def test_what_only_a_browser_shows_is_one_notice(data, notice):
    _, *blocks = blocks_of(code("1", new_output("display_data", data=data)))
    texts = [line.text for block in blocks for line in block.lines]
    assert texts == [f"{notice} for browsers alone is in the notebook."]


LATEX_TABLE = r"\begin{tabular}{lr} a & 1 \\ \hline \end{tabular}"


@pytest.mark.parametrize(
    ("data", "printed"),
    [
        ({"text/html": "<table><tr><td>from HTML</td></tr></table>"}, "from HTML"),
        ({"text/html": "<i>short</i>", "text/markdown": "from Markdown"}, "from Markdown"),
        ({"text/plain": "from plain text"}, "from plain text"),
    ],
)
def test_latex_is_read_if_there_is_nothing_else(data, printed):
    _, block = blocks_of(
        code("1", new_output("display_data", data=data | {"text/latex": LATEX_TABLE}))
    )
    shown = block.lines[0].text if isinstance(block, TextBlock) else block.text
    assert printed in shown and "tabular" not in shown


def test_latex_alone_is_read_and_formulas_come_first():
    table = result(text__latex=LATEX_TABLE)
    formula = result(text__latex=r"\[\frac{1}{2}\]", text__plain="a half", text__html="<b>half</b>")
    _, first, second = blocks_of(code("1", table, formula))
    assert first.markup.cells == ["a", "1"]
    assert second.formulas[0].setting.markup == "frac(1, 2)"


def test_an_empty_table_is_its_plain_text():
    empty = "<table><thead><tr><th></th></tr></thead><tbody></tbody></table>"
    _, block = blocks_of(code("1", result(text__html=empty, text__plain="Empty DataFrame")))
    assert isinstance(block, TextBlock) and block.lines[0].text == "Empty DataFrame"


def test_pieces_of_one_stream_are_joined():
    pieces = [stream("a"), stream("b\n"), stream("c", "stderr"), stream("d")]
    source, *printed = blocks_of(code("1", *pieces))
    assert isinstance(source, CodeBlock)
    assert [[line.text for line in block.lines] for block in printed] == [["ab"], ["c"], ["d"]]


def test_pictures_may_be_large_and_must_be_whole():
    noise = Image.frombytes("RGB", (600, 600), os.urandom(600 * 600 * 3))
    buffer = io.BytesIO()
    noise.save(buffer, "PNG")
    assert len(buffer.getvalue()) > 1_000_000
    pdf = convert(code("1", result(image__png=base64.b64encode(buffer.getvalue()).decode())))
    assert len(pypdfium2.PdfDocument(pdf)) == 1 and ink(pdf) > 0.1
    for cut in (base64.b64encode(buffer.getvalue()[:99]).decode(), "iVBOR"):
        assert "damaged picture" in text_of(convert(code("1", result(image__png=cut))))


def test_an_output_that_is_data_for_programs_prints_its_text_alone():
    """As the claims of a homework, whose types have names such as ``vnd.typstpdf+json``."""
    claims = {"application__vnd.typstpdf+json": {"authors": []}, "text__plain": "written"}
    text = text_of(convert(code("1", result(**claims))))
    assert "written" in text and "in the notebook" not in text


def test_a_vector_of_r_stands_in_lines():
    items = [f"<li>{n}</li>" for n in range(200, 400)]
    html = f"<style>.list-inline {{}}</style><ol class=list-inline>{''.join(items)}</ol>\n"
    markdown = "".join(f"{n}. {n + 199}\n" for n in range(1, 201))
    pdf = convert(code("x", result(text__html=html, text__markdown=markdown, text__plain="  [1]")))
    assert len(pypdfium2.PdfDocument(pdf)) == 1 and "200 · 201 · 202" in text_of(pdf)


def test_equal_notices_stand_once():
    first, *others, last = (
        new_output("display_data", data={"application/javascript": "x"}) for _ in range(4)
    )
    blocks = blocks_of(code("", first, *others, stream("text"), last))
    assert [getattr(block, "is_notice", None) for block in blocks] == [True, False, True]


def test_a_picture_is_as_wide_as_its_output_asks():
    output = result(image__png=png(800, 400))
    output.metadata["image/png"] = {"width": 100, "height": 50}
    (_, figure) = blocks_of(code("Image(width=100)", output))
    assert figure.width == 100
    pdf = pypdfium2.PdfDocument(convert(code("Image(width=100)", output)))
    (image,) = [item for item in pdf[0].get_objects() if item.type == 3]
    left, _, right, _ = image.get_bounds()
    assert right - left == pytest.approx(75, abs=0.5)  # points


@pytest.mark.parametrize(
    "metadata", [{"image/png": {"width": "a"}}, {"image/png": None}, {"width": -5}, {}]
)
def test_a_width_that_is_none_changes_nothing(metadata):
    output = result(image__png=png(80, 40))
    output.metadata.update(metadata)
    assert blocks_of(code("x", output))[1].width == 0


@pytest.mark.parametrize("kind", ["sk", "xr"])
def test_pages_that_repeat_their_text_print_the_text(kind):
    """As scikit-learn's estimators and xarray's data sets: most of their HTML is for a mouse."""
    html = (
        f"<div><pre class='{kind}-text-repr-fallback'>x</pre><table><tr><td>tip</td></tr></table>"
    )
    text = text_of(convert(code("x", result(text__html=html, text__plain="Estimator(C=2)"))))
    assert "Estimator(C=2)" in text and "tip" not in text


def test_a_named_list_of_r_is_a_list():
    html = "<dl><dt>$a</dt><dd>1</dd><dt>$b</dt><dd>2</dd></dl>"
    markdown = "$a\n:   1\n$b\n:   2\n"
    text = text_of(convert(code("x", result(text__html=html, text__markdown=markdown))))
    assert text.split()[-6:-2] != ["$a", ":", "1", "$b"] and "$a\r\n1" in text


def test_a_text_of_an_unknown_type_is_printed():
    _, block = blocks_of(code("1", result(**{"text__vnd.mermaid": "graph TD; A-->B"})))
    assert [line.text for line in block.lines] == ["graph TD; A-->B"] and not block.is_notice


def test_a_caption_below_a_picture_is_the_figure_s_and_alone_it_is_a_text():
    caption = result(text__html="<figcaption>Loss &lt; 1.</figcaption>", text__plain="Loss < 1.")
    picture = result(image__png=png(2, 2))
    figure, text = blocks_of(code("1", picture, caption, stream("other\n")))[-2:]
    assert figure.alt == "Figure 1. Loss < 1." and isinstance(text, TextBlock)
    assert "Loss < 1." in text_of(convert(code("1", caption)))


@pytest.mark.parametrize("maths", ["x + 1", "\nx + 1\n$$\n", "$x + 1$", "$$x + 1$$"])
def test_a_displayed_formula_with_dollars_of_its_author_is_a_formula(maths):
    cell = code("Math(s)", result(text__latex=f"$\\displaystyle {maths}$"))
    (block,) = [block for block in blocks_of(cell) if isinstance(block, MarkupBlock)]
    assert [formula.tex for formula in block.formulas] == [r"\displaystyle x + 1"]
    assert convert(cell)
