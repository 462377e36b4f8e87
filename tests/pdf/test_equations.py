"""TeX mathematics and its numbers."""

from nbformat.v4 import new_markdown_cell
from pdf.helpers import convert, text_of

from hwlib.pdf.equations import Equations, collect_equations, for_pandoc


def test_equations_have_numbers_if_they_are_referred_to():
    pdf = convert(
        new_markdown_cell(
            "By \\eqref{b}, $\\eqref{c}$ and `\\eqref{b}`; it costs $5 and $ x $ is maths"
        ),
        new_markdown_cell("\\begin{equation}\\label{a} p = 1\\end{equation}"),
        new_markdown_cell(
            "$$q = 2 \\label{b}$$\n\n$$r = 3 \\label{c}$$\n\n"
            "$$s = 4 \\tag{X}\\label{d}$$ \\eqref{d}"
        ),
    )
    text = " ".join(text_of(pdf).split())
    assert text.startswith("Notebook By (1), (2) and \\eqref{b}; it costs $5 and 𝑥 is maths")
    assert text.count("(1)") == 2 and text.count("(2)") == 2 and text.count("(X)") == 2


def test_numbers_are_given_in_the_order_of_the_texts():
    texts = [r"\eqref{second} \ref{first}", r"$$a\label{first}$$ $$b\label{unused}$$"]
    texts.append(r"\begin{equation}c\label{second}\end{equation}")
    assert collect_equations(texts) == Equations({"first": "1", "second": "2"})


def test_mathematics_stands_between_dollars():
    source = "\\begin{align}a\n\n b\\end{align} `\\begin{align}x\\end{align}` $ y $"
    wanted = "$$\\begin{align}a\n b\\end{align}$$ `\\begin{align}x\\end{align}` $y$"
    assert for_pandoc(source, Equations()) == wanted


def test_mathematics_of_every_kind_is_set():
    source = (
        "Inline $\\hat y_i = |x|$ and\n\\begin{align}\na &= b \\\\\n\n c &= d\n\\end{align}\n"
        "$$\\odot \\otimes \\ominus \\cap \\bigcap \\begin{vmatrix} 1 & 2 \\end{vmatrix}$$\n"
        "and $W = \\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}$, `\\begin{align}` is code"
    )
    text = text_of(convert(new_markdown_cell(source)))
    assert "⊙" in text and "⊗" in text and "∩" in text
    assert "is code" in text and "\\begin{align}" in text and text.count("\\begin") == 1
