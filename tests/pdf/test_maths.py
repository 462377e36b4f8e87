"""Formulas on the page: nothing lost, nothing cut, and what cannot be read is said."""

import logging
import unicodedata

import pypdfium2
import pytest
from nbformat.v4 import new_markdown_cell
from pdf.helpers import blocks_of, code, convert, describe, result, text_of
from pypdfium2.raw import FPDFText_GetFontSize as get_font_size

from hwlib.pdf.compiler import compile_document
from hwlib.pdf.formula_proof import count_signs, read_tags, wanted_signs
from hwlib.pdf.formulas import translate
from hwlib.pdf.proof import find_missing
from hwlib.pdf.stream import TexError
from hwlib.pdf.tex import Expansion


def shown(tex: str) -> str:
    """What a page shows of a display formula, in plain letters."""
    text = text_of(convert(new_markdown_cell(f"$$\n{tex}\n$$")))
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\ufe00", "")
    return "".join(plain.split()).removeprefix("Notebook").removesuffix("1of1")


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        ("y = a\n+ b x\n- c", "y=a+bx-c"),
        ("= a % comment\n> b", "=a>b"),
        (r"{\bf x} {\rm d}y {\cal L} {\it z} \large w", "xdyLzw"),
        (r"\textcolor{red}{p} + {\color{#00f} q} \LaTeX", "p+qLaTeX"),
        (r"\ket{p}\bra{q} \operatorname{tr}A \mathbb{R}", "|p⟩⟨q|trAR"),
        (r"x \tag 1", "x(1)"),
        (r"x\,\!\;\quad y \not= z", "xy≠z"),
        (r"\text{if $x>0$ \textbf{b}} \mbox{ c}", "ifx>0bc"),
        (r"a \\ b", "ab"),
        (r"\abs*{p} \norm[\big]{q} \ket*{r}", "|p|‖q‖|r⟩"),
        (r"1\textsuperscript{st} {n \brace k}", "1st{nk}"),
        (r"\begin{psmallmatrix}p&q\\r&s\end{psmallmatrix}", "(prqs)"),
        (r"\global\def\foo#1{p#1}\foo q", "pq"),
        (r"\newenvironment{my}[1]{#1\left(}{\right)}\begin{my}{x}y\end{my}", "x(y)"),
    ],
)
def test_formulas_show_their_letters_and_signs(tex, text):
    assert shown(tex) == text


@pytest.mark.parametrize(
    ("tex", "markup"),
    [
        (r"a \over b", "frac(a, b)"),
        (r"\dbinom{n}{k}", "display(binom(n, k))"),
        (r"\tfrac12", "inline(frac(1, 2))"),
        (r"x_1^2", "attach(x, t: 2, b: 1)"),
        (r"f'", "attach(f, t: ′)"),
        (r"\;", "thick"),
        (r"\bar x\vec y\dot z", "macron(x)arrow(y)dot(z)"),
        (r"\sum\limits_i", "attach(limits(∑), b: i)"),
        (r"\mathrm{ab}\boldsymbol{c}", '"ab"bold(c)'),
        (r"\hspace{2em}", '#h(2.000em)""'),
        ("#rect()", r"\#r e c t\(\)"),
        (r"\text{\"o \# a}", '"o\u0308 # a"'),
        (r"\dv[2]{f}{x}", "frac(attach(upright(d), t: 2)f, upright(d)attach(x, t: 2))"),
        (r"\dv{x}", "frac(upright(d), upright(d)x)"),
        (r"\pdv{f}{x}{y}", "frac(attach(∂, t: 2)f, ∂x∂y)"),
        (r"\dd[3]{r}", "attach(upright(d), t: 3)r"),
        (r"\qty(a(b))", r"lr(\(a\(b\)\))"),
        (r"\sideset{_a}{'}\sum_k", "attach(limits(attach(∑, bl: a, tr: ′)), b: k)"),
        (r"\genfrac{\{}{\}}{1pt}{}{n}{k}", r"lr(\{frac(n, k)\})"),
        (r"\overbracket[1pt]{a}^b", "overbracket(a, b)"),
        (r"\underrightarrow{ab}", 'accent(a b, "\u20ef")'),
        (r"\mathchoice{a}{b}{c}{d}", "a"),
    ],
)
def test_tex_becomes_typst_and_text_never_code(tex, markup):
    assert translate(Expansion().expand(tex), {}).markup == markup


def test_arrays_keep_their_rules_and_alignment():
    tex = r"\begin{array}{rr|l}1&2&3\\ \hline 4&5&6\end{array}"
    markup = translate(Expansion().expand(tex), {}).markup
    assert "augment: #(hline: (1, ), vline: (2, )" in markup
    assert "1&, 2&, &3; 4&, 5&, &6" in markup


@pytest.mark.parametrize(
    ("tex", "reason"),
    [
        (r"\unknown x", r"\unknown"),
        (r"{a", "a brace that is not closed"),
        (r"\begin{tikzcd}a\end{tikzcd}", r"\begin{tikzcd}"),
        ("{" * 2000, "groups that stand too deep in each other"),
        (r"\def\a{\a\a}\a", "a formula of more than 20,000 parts"),
        (r"\begin{pmatrix}" * 2000, "groups that stand too deep in each other"),
    ],
)
def test_what_cannot_be_read_is_named(tex, reason):
    with pytest.raises(TexError) as error:
        translate(Expansion().expand(tex), {})
    assert str(error.value) == reason


def test_a_formula_that_cannot_be_read_is_printed_as_source_with_one_warning(caplog):
    caplog.set_level(logging.WARNING)
    pdf = convert(new_markdown_cell(r"read $\foo x$, $\foo y$ and $z$"), strict=False)
    assert r"\foo x" in text_of(pdf) and r"\foo y" in text_of(pdf)
    assert [record.getMessage() for record in caplog.records] == [
        r"Cell 1 holds a formula that is printed as source: it cannot be read because of \foo."
    ]


def test_lost_signs_and_terms_are_missing():
    written = new_markdown_cell("$$a + b - c$$\n\n$$\\frac{\\alpha}{2}$$")
    printed = new_markdown_cell("$$a + b$$\n\n$$\\frac{\\alpha}{2}$$")
    pdf = convert(printed)
    shown_by_alt = read_tags(pypdfium2.PdfDocument(pdf)).formulas
    assert shown_by_alt["a + b"] == count_signs("a+b")
    (missing,) = find_missing(pdf, blocks_of(written))
    assert missing.kind == "formula" and missing.piece.endswith("in a + b - c")


def test_what_a_formula_must_show_is_counted_from_its_tex():
    tex = r"\begin{array}{rl}\hat{x}_{12} &\le \color{red}{\beta}\text{ if}\\[2pt] -y\end{array}"
    (formula,) = blocks_of(new_markdown_cell(f"$${tex}$$"))[0].formulas
    assert wanted_signs(formula) == count_signs("x12≤βif-y")


def test_formulas_from_right_to_left_and_signs_that_overlap_are_found():
    text = "במקרה שבו $f(X) > 0$ וגם $x \\in A$, $A \\perp\\!\\!\\!\\perp B$"
    assert convert(new_markdown_cell(text))  # it would fail if a sign was missing


def test_formulas_have_their_tex_as_alternative_text():
    pdf = convert(new_markdown_cell("# T\n\n## On $x^2$\n\nand $\\frac a b$"))
    assert set(read_tags(pypdfium2.PdfDocument(pdf)).formulas) == {"x^2", r"\frac a b"}


def test_a_wide_formula_with_its_number_in_the_last_line_is_set():
    lines = " ".join(f"+ \\left(a_{{{n}}} b_{{{n}}}\\right)^{{-1}}\n" for n in range(40))
    text = f"$$\ns = {lines} . \\tag{{139.5}}\n$$"
    (block,) = describe(new_markdown_cell(text)).blocks
    (formula,) = compile_document(describe(new_markdown_cell(text)))[1].blocks[0].formulas
    assert block.formulas[0].setting == formula.setting is not None


def test_wide_formulas_stay_on_the_page_and_readable():
    total = " + ".join(f"a_{{{n}}} x^{{{n}}}" for n in range(60))
    columns = " & ".join(f"\\frac{{m_{{{n}}}}}{{y}}" for n in range(40))
    matrix = f"\\displaystyle \\left[\\begin{{matrix}}{columns}\\end{{matrix}}\\right]"
    pdf = convert(
        new_markdown_cell(f"$$s = {total} \\tag{{9}}$$\n\nin line ${total}$"),
        code("m", result(text__latex=f"${matrix}$", text__plain="m")),
    )
    for page in pypdfium2.PdfDocument(pdf):
        text, width = page.get_textpage(), page.get_width()
        boxes = [text.get_charbox(n, loose=True) for n in range(text.count_chars())]
        assert max(right for _, _, right, _ in boxes) < width - 50
        heights = sorted(top - bottom for _, bottom, _, top in boxes if top > bottom)
        assert heights[len(heights) // 20] > 4.5


def test_a_percent_sign_in_a_text_is_no_comment():
    assert "50%" in text_of(convert(new_markdown_cell("$x \\text{(by 50%)} y$")))
    assert "gone" not in text_of(convert(new_markdown_cell("$$x % gone\n y$$")))


def test_brackets_on_a_new_line_are_no_distance():
    """As in MathJax, where the bracket must follow the line's end without a blank."""
    text = text_of(
        convert(new_markdown_cell("$$\\begin{aligned}a &= 1, \\\\\n[K, 7] &= b\\end{aligned}$$"))
    )
    assert "7" in text and "[" in text
    distance = "$$\\begin{aligned}a &= 1, \\\\[7pt] c &= b\\end{aligned}$$"
    assert "7" not in text_of(convert(new_markdown_cell(distance)))


def test_a_commutative_diagram_is_a_table_of_its_arrows():
    tex = r"\begin{CD} A @>f>> B\\ @VgVV @AAhA\\ C @= D\end{CD}"
    markup = translate(Expansion().expand(tex), {}).markup
    first, second, third = markup.split("; ")
    assert "A, attach(limits(stretch(→" in first and "t: f" in first and first.endswith(", B")
    assert second.index("g lr(") < second.index("↓") < second.index("↑") < second.index("h")
    assert third.startswith("C, ") and "stretch(\\=" in third
    assert sorted(shown(tex)) == sorted("Af→Bg↓↑hC=D")


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{" + "words of a sentence " * 12 + "}",
        r"\left("
        + r", \  ".join(rf"\frac{{x^{{{n}}}}}{{{n}}} + 1" for n in range(30))
        + r"\right)",
        "[" + ",".join(map(str, range(80))) + "]",
        r"\frac{" + "+".join(f"a_{{{n}}}" for n in range(60)) + "}{b}",
    ],
)
def test_what_is_far_too_wide_is_broken_and_not_set_smaller(tex):
    (page,) = pypdfium2.PdfDocument(convert(new_markdown_cell(f"# T\n\n$${tex}$$")))
    text = page.get_textpage()
    boxes = [text.get_charbox(n) for n in range(text.count_chars())]
    assert max(right for _, _, right, _ in boxes) < page.get_width() - 55
    sizes = [get_font_size(text, n) for n in range(text.count_chars())]
    assert max(size for size in sizes if size < 20) == pytest.approx(10.5)
    assert min(size for size in sizes if size > 1) > 5  # of scripts; blanks have none


def test_the_lines_of_a_substack_are_no_rows_of_the_formula_around_it():
    text = r"$$\begin{align*} 44 &= \substack{11\\22} + 33 \end{align*}$$"
    page = pypdfium2.PdfDocument(convert(new_markdown_cell(text)))[0].get_textpage()
    seen = page.get_text_range()
    before, low, beside = (page.get_charbox(seen.index(digit)) for digit in "423")
    assert before[0] < low[0] < beside[0]  # all of the stack stands between the others
