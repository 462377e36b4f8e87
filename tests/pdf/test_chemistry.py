"""Substances, reactions and units as mhchem writes them."""

import pytest

from hwlib.pdf.formulas import translate
from hwlib.pdf.tex import Expansion


def markup_of(tex: str) -> str:
    return translate(Expansion().expand(tex), {}).markup


@pytest.mark.parametrize(
    ("tex", "markup"),
    [
        (r"\ce{H2O}", 'attach("H", b: "2")"O"'),
        (r"\ce{SO4^2-}", 'attach("SO", b: "4", t: "2−")'),
        (r"\ce{Na+}", 'attach("Na", t: "−")'.replace("−", "+")),
        (r"\ce{^{14}_6C}", 'attach("C", tl: "14", bl: "6")'),
        (r"\ce{2H2}", '2thin attach("H", b: "2")'.replace("2thin", "2thin")),
        (r"\ce{CuSO4.5H2O}", 'attach("CuSO", b: "4")⋅5thin attach("H", b: "2")"O"'),
        (r"\ce{HC#CH}", '"HC"class("normal", ≡)"CH"'),
        (r"\ce{AgCl v}", '"AgCl"thin↓'),
        (r"\ce{NaCl(aq)}", r'"NaCl"\("aq"\)'),
        (r"\ce{$x$ CO2}", 'x thin attach("CO", b: "2")'),
        (r"\pu{9.8 m s^-2}", '9.8thin"m"thin attach("s", t: "−2")'),
        (r"\pu{1.2e3 J/mol}", r'1.2× attach(10, t: "3")thin"J"class("normal", \/)"mol"'),
    ],
)
def test_substances_and_units_are_set_as_chemistry(tex, markup):
    assert markup_of(tex).replace(" ", "") == markup.replace(" ", "")


@pytest.mark.parametrize(("arrow", "sign"), [("->", "→"), ("<=>", "⇌"), ("<->", "↔"), ("<-", "←")])
def test_reactions_have_their_arrows_and_what_stands_at_them(arrow, sign):
    markup = markup_of(rf"\ce{{A + B {arrow}[\Delta][cat] C}}")
    assert markup.count('class("binary", \\+)') == 1 and f"stretch({sign}" in markup
    assert "t: Δ" in markup and 'b: "cat"' in markup and '"C"' in markup
