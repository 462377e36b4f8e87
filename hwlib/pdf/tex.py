r"""TeX's tokens and macros: what ``\newcommand``, ``\def`` and their kin define is replaced.

All work is bounded: a formula that grows beyond ``MOST_TOKENS`` raises TexError.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from hwlib.pdf.physics import PHYSICS
from hwlib.pdf.stream import Stream, TexError, tokenize

MOST_TOKENS = 20_000  # of one formula, after all macros are replaced
DEFINITIONS = (
    *("newcommand", "renewcommand", "providecommand", "def", "gdef", "edef", "let"),
    *("DeclareMathOperator", "DeclarePairedDelimiter", "newenvironment", "renewenvironment"),
)
DEFINING = re.compile(rf"\\(?:{'|'.join(DEFINITIONS)})(?![A-Za-z])")
BEFORE_DEFINITION = (r"\global", r"\long", r"\outer")  # of a definition
SIZE_COMMAND = re.compile(r"\\[bB]igg?[lrm]?")
# What KaTeX (VS Code, Colab) or a common extension of MathJax defines, and a notebook may not.
COMMON = {
    "R": r"\mathbb{R}", "N": r"\mathbb{N}", "Z": r"\mathbb{Z}", "Q": r"\mathbb{Q}",
    "Reals": r"\mathbb{R}", "Complex": r"\mathbb{C}", "argmax": r"\operatorname*{arg\,max}",
    "argmin": r"\operatorname*{arg\,min}", "E": r"\mathbb{E}", "tr": r"\operatorname{tr}",
    "sgn": r"\operatorname{sgn}", "sign": r"\operatorname{sign}", "rank": r"\operatorname{rank}",
    "Tr": r"\operatorname{Tr}", "diag": r"\operatorname{diag}", "ket#1": r"|{#1}\rangle",
    "bra#1": r"\langle{#1}|", "braket#1": r"\langle{#1}\rangle",
    "Ket#1": r"\left|{#1}\right\rangle",
    "Bra#1": r"\left\langle{#1}\right|", "Braket#1": r"\left\langle{#1}\right\rangle",
    "abs#1": r"\left|{#1}\right|", "norm#1": r"\left\|{#1}\right\|", "degree": r"{}^\circ",
    "absolutevalue#1": r"\left|{#1}\right|", "ip#1#2": r"\left\langle{#1}\middle|{#2}\right\rangle",
    "op#1#2": r"|{#1}\rangle\langle{#2}|", "ev#1": r"\left\langle{#1}\right\rangle",
    "eval#1": r"\left.{#1}\right|", "qq#1": r"\quad\text{#1}\quad",
    "prescript#1#2#3": r"{}^{#1}_{#2}{#3}",
    "mathchoice#1#2#3#4": r"{#1}", "commutator#1#2": r"\left[{#1},{#2}\right]",
    "celsius": r"{}^\circ\mathrm{C}", "ohm": r"\Omega", "micro": r"\mu", "LaTeX": r"\text{LaTeX}",
    "TeX": r"\text{TeX}", "iff": r"\;\Longleftrightarrow\;", "implies": r"\;\Longrightarrow\;",
    "impliedby": r"\;\Longleftarrow\;", "bmod": r"\mathbin{\text{mod}}",
    "pmod#1": r"\quad(\text{mod}\;{#1})", "mod#1": r"\quad\text{mod}\;{#1}",
    "pod#1": r"\quad({#1})",
    "dbinom#1#2": r"{\displaystyle\binom{#1}{#2}}", "tbinom#1#2": r"{\textstyle\binom{#1}{#2}}",
    "set#1": r"\{\,{#1}\,\}", "Set#1": r"\left\{\,{#1}\,\right\}", "vcentcolon": r"\mathrel{:}",
    "ratio": r"\mathrel{:}", "bigstar": r"\star", "plim": r"\operatorname*{plim}",
    "varlimsup": r"\overline{\lim}", "varliminf": r"\underline{\lim}",
    "idotsint": r"\int\cdots\int", "vb#1": r"\mathbf{#1}",
    "va#1": r"\vec{#1}", "vu#1": r"\hat{#1}", "grad": r"\nabla", "curl": r"\nabla\times",
    "laplacian": r"\nabla^2", "comm#1#2": r"\left[{#1},{#2}\right]",
    "acomm#1#2": r"\left\{{#1},{#2}\right\}", "expval#1": r"\left\langle{#1}\right\rangle",
    "mel#1#2#3": r"\left\langle{#1}\middle|{#2}\middle|{#3}\right\rangle",
    "order#1": r"\mathcal{O}\left({#1}\right)", "erf": r"\operatorname{erf}",
    "SI#1#2": r"{#1}\,\mathrm{#2}", "num#1": r"{#1}",
    "ketbra#1#2": r"|{#1}\rangle\langle{#2}|", "slashed#1": r"\cancel{#1}",
}  # fmt: skip

WITHOUT_STAR = ("pmod", "mod", "pod", "set", "Set", "SI", "num", "slashed")


@dataclass(frozen=True)
class Macro:
    """What stands for a command: its body, with ``#1`` as two tokens, and a first default. With
    ``has_sizes`` a star and a size may come first, as in ``\\abs*`` and ``\\abs[\\big]``.
    """

    parameters: int
    body: list[str]
    default: list[str] | None = None
    has_sizes: bool = False


Macros = dict[str, Macro]


def read_newcommand(name: str, stream: Stream, macros: Macros) -> None:
    r"""Define ``\name[2][default]{...}``."""
    count = "".join(stream.optional() or ["0"])
    default = stream.optional()
    macros[name] = Macro(int(count) if count.isdecimal() else 0, stream.argument(), default)


def read_def(name: str, stream: Stream, macros: Macros) -> None:
    r"""Define ``\name#1#2{...}``."""
    parameters = "".join(stream.until("{")).replace(" ", "")
    if re.sub(r"#\d", "", parameters):
        raise TexError(rf"\def{name}{parameters}")
    macros[name] = Macro(parameters.count("#"), stream.until("}"))


def read_let(name: str, stream: Stream, macros: Macros) -> None:
    r"""Define ``\name=\other``."""
    stream.take("=")
    other = stream.argument()
    macros[name] = macros.get(other[0], Macro(0, other))


def read_operator(name: str, stream: Stream, macros: Macros) -> None:
    """Define the name of an operator; with a star, limits stand below it."""
    star = ["*"] if "*" in name else []
    body = [r"\operatorname", *star, "{", *stream.argument(), "}"]
    macros[name.replace("*", "")] = Macro(0, body)


def read_delimiter(name: str, stream: Stream, macros: Macros) -> None:
    """Define a pair of delimiters around an argument."""
    left, right = stream.argument(), stream.argument()
    body = [r"\left", *left, "{", "#", "1", "}", r"\right", *right]
    macros[name] = Macro(1, body, has_sizes=True)


def read_environment(name: str, stream: Stream, macros: Macros) -> None:
    r"""Define ``\begin{name}`` and ``\end{name}``."""
    read_newcommand(rf"\begin{name}", stream, macros)
    macros[rf"\end{name}"] = Macro(0, stream.argument())


READERS: dict[str, Callable[[str, Stream, Macros], None]] = {
    r"\def": read_def, r"\gdef": read_def, r"\edef": read_def, r"\let": read_let,
    r"\DeclareMathOperator": read_operator, r"\DeclarePairedDelimiter": read_delimiter,
}  # fmt: skip


def define(command: str, stream: Stream, macros: Macros) -> None:
    """Read what follows a command that defines another."""
    if command.endswith("newenvironment"):
        return read_environment("".join(stream.argument()).strip(), stream, macros)
    star = "*" if stream.take("*") and command == r"\DeclareMathOperator" else ""
    name = "".join(stream.argument()).strip()
    if not name.startswith("\\"):
        raise TexError(command)
    READERS.get(command, read_newcommand)(name + star, stream, macros)


def common_macros() -> Macros:
    """Return what is defined from the start."""
    named = ((name.partition("#")[0], name.count("#"), body) for name, body in COMMON.items())
    return {
        "\\" + name: Macro(count, tokenize(body), has_sizes=count > 0 and name not in WITHOUT_STAR)
        for name, count, body in named
    }


def skip_size(stream: Stream) -> None:
    """Pass over a star, or a size in brackets."""
    stream.take("*")
    *_, second, first = ("", "", *stream.rest)
    if first == "[" and SIZE_COMMAND.fullmatch(second):
        stream.optional()


def fill(macro: Macro, stream: Stream) -> list[str]:
    """Return a macro's body with its arguments, which are read from the stream."""
    arguments: list[list[str]] = []
    if macro.has_sizes:
        skip_size(stream)
    if macro.default is not None:
        given = stream.optional()
        arguments.append(macro.default if given is None else given)
    while len(arguments) < macro.parameters:
        arguments.append(stream.argument())
    result: list[str] = []
    body = iter(macro.body)
    for item in body:
        number = next(body, "") if item in "#" else ""
        if number.isdecimal() and 0 < int(number) <= len(arguments):
            result += arguments[int(number) - 1]
        else:
            result += [item, number] if number else [item]
    return result


@dataclass
class Expansion:
    """Replaces macros; what a formula defines holds for the formulas after it."""

    macros: Macros = field(default_factory=common_macros)

    def expand(self, tex: str) -> list[str]:
        """Return a formula's tokens without macros and definitions; TexError if they are too many
        or cannot be read.
        """
        return list(self.tokens(Stream(tokenize(tex))))

    def tokens(self, stream: Stream) -> Iterator[str]:
        """Return the tokens one after another."""
        budget = MOST_TOKENS
        while stream.rest:
            item = stream.rest.pop()
            if DEFINING.fullmatch(item):
                define(item, stream, self.macros)
            elif (body := self.replacement(item, stream)) is not None:
                budget -= len(body)
                stream.rest += body[::-1]
            else:
                yield item
            budget -= 1
            if budget < 0:
                raise TexError("a formula of more than 20,000 parts")

    def replacement(self, item: str, stream: Stream) -> list[str] | None:
        """Return what stands for a command, whose arguments are read; None if it is no macro."""
        if macro := self.macros.get(item):
            return fill(macro, stream)
        if item in PHYSICS:
            return PHYSICS[item](stream)
        if item in BEFORE_DEFINITION and DEFINING.fullmatch(stream.peek()):
            return []
        if item in (r"\begin", r"\end") and stream.peek() == "{":
            name = stream.argument()
            if macro := self.macros.get(item + "".join(name).strip()):
                return fill(macro, stream)
            stream.rest += ["}", *name[::-1], "{"]
        return None


def defined_macros(formulas: list[str]) -> Macros:
    """Return the macros that formulas define, of each the first, and those that are common."""
    own: Macros = {}
    for tex in filter(DEFINING.search, formulas):
        expansion = Expansion({})
        with suppress(TexError):
            expansion.expand(tex)
        own = expansion.macros | own
    return common_macros() | own
