"""Which parts of a text are formulas, their numbers, and what they define."""

import pytest
from nbformat.v4 import new_markdown_cell
from pdf.helpers import convert, text_of

from hwlib.pdf.equations import Equations, collect_equations


def formulas_of(text: str, is_html: bool = False) -> list[str]:
    return [formula.tex for formula in Equations().extract(text, is_html).formulas]


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
    assert collect_equations(texts).numbers == {"first": "1", "second": "2"}


@pytest.mark.parametrize(
    ("text", "formulas"),
    [
        ("one $y = x $ and $ z$ side", ["y = x", "z"]),
        ("$\\begin{matrix}1\\\\\n2\\end{matrix}$", ["\\begin{matrix}1\\\\\n2\\end{matrix}"]),
        ("coffee costs $5 and cake $6, the rent $1,200 to $1,350", []),
        ("variables $HOME and $PATH; $50-$100", []),
        ("only 35$ or 20$/user", []),
        ("1$x_1$ and $\\text{if $y$}$", ["x_1", "\\text{if $y$}"]),
        ("escaped \\$5 and \\$6, `$code$`", []),
        ("```\n$a$\n```\n\n$b$", ["b"]),
        ("an unclosed $x^2\n\nand $y$", ["y"]),
        ("\\begin{align*}a\\\\\n\nb\\end{align*}", ["\\begin{align*}a\\\\\n\nb\\end{align*}"]),
        ("\\begin{itemize}\\item\\end{itemize}", []),
        ("> quoted $$\n> a\n> + b\n> $$", ["a\n+ b"]),
        ("$$\n= a\n+ b\n# c\n$$", ["= a\n+ b\n# c"]),
        ("<a title='$x$'>$y$</a><!-- $z$ -->", ["y"]),
        ("$a &lt; b$", ["a < b"]),
        ("\\\\(p\\\\) \\\\[q\\\\]", ["p", "q"]),
    ],
)
def test_formulas_are_told_from_prices_and_code(text, formulas):
    assert formulas_of(text) == formulas


def test_dollars_in_html_are_formulas_but_for_those_in_code_and_prices():
    text = "<td>$\\sigma$</td><td>$5</td><td>$6</td><code>$x$</code> \\(y\\)"
    assert formulas_of(text, is_html=True) == ["\\sigma", "y"]


def test_macros_of_all_cells_are_known_in_all():
    equations = collect_equations(
        ["$\\half$ before", "$\\def\\half{\\tfrac12}$ $\\newcommand{\\v}[1]{\\mathbf{#1}}$"]
    )
    first, second = equations.extract("$\\half$ and $\\v{x}$").formulas
    assert first.tokens == ("\\tfrac", "1", "2") and "".join(second.tokens) == "\\mathbf{x}"


def test_thousands_of_open_environments_cost_no_time():
    text = "\\begin{align}" * 2000 + "$" * 2001 + "$$x" * 2000
    assert len(Equations().extract(text).formulas) <= 4000


@pytest.mark.parametrize(
    "text",
    [r"\text{if $x_{1}>0$}", r"\begin{cases}1&\text{if $x_{1}>0$}\end{cases}", r"\fbox{a $x$}"],
)
def test_formulas_may_stand_in_texts_of_formulas(text):
    assert formulas_of(f"${text}$") == [text]
    assert not collect_equations([]).formula(text, False).reason


def test_a_formula_does_not_end_within_code():
    assert formulas_of("It costs $2,000; use `$HOME` here.") == []


def test_every_row_has_a_number_of_its_own():
    text = r"\begin{align}a&=b\tag{1.1}\label{a}\\c&=d\label{b}\end{align} \eqref{a} \eqref{b}"
    assert collect_equations([text]).numbers == {"a": "1.1", "b": "1"}


@pytest.mark.parametrize("tex", ["a·b", "m·s^{-1}", "α·β", r"\wp\Re", r"\llbracket x \rrbracket"])
def test_letters_that_typst_would_join_stay_apart(tex):
    printed = text_of(convert(new_markdown_cell(f"${tex}$")))
    assert "$" not in printed and "\\" not in printed
