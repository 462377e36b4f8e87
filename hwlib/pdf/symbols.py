"""What TeX's commands for symbols, letters and names print."""

import functools
import unicodedata

from pylatexenc.latex2text import get_default_latex_context_db
from pylatexenc.macrospec import LatexContextDb

# Characters that pylatexenc does not know, or knows otherwise than TeX.
OWN = {
    "epsilon": "ϵ", "varepsilon": "ε", "phi": "ϕ", "varphi": "φ", "theta": "θ", "vartheta": "ϑ",
    "rho": "ρ", "varrho": "ϱ", "pi": "π", "varpi": "ϖ", "sigma": "σ", "varsigma": "ς",
    "kappa": "κ", "varkappa": "ϰ", "hbar": "ℏ", "hslash": "ℏ", "ell": "ℓ", "imath": "ı",
    "jmath": "ȷ", "wp": "℘", "Re": "ℜ", "Im": "ℑ", "aleph": "ℵ", "partial": "∂", "nabla": "∇",
    "infty": "∞", "emptyset": "∅", "varnothing": "⌀", "angle": "∠", "prime": "′", "backprime": "‵",
    "to": "→", "gets": "←", "rightarrow": "→", "leftarrow": "←", "uparrow": "↑", "downarrow": "↓",
    "updownarrow": "↕", "Uparrow": "⇑", "Downarrow": "⇓", "Updownarrow": "⇕",
    "longrightarrow": "⟶", "longleftarrow": "⟵", "Longrightarrow": "⟹", "Longleftarrow": "⟸",
    "longleftrightarrow": "⟷", "Longleftrightarrow": "⟺", "mapsto": "↦", "longmapsto": "⟼",
    "ldots": "…", "dots": "…", "dotsc": "…", "dotso": "…", "hdots": "…", "cdots": "⋯",
    "dotsb": "⋯", "dotsm": "⋯", "dotsi": "⋯", "vdots": "⋮", "ddots": "⋱", "cdot": "⋅",
    "cdotp": "⋅", "centerdot": "⋅", "ast": "∗", "star": "⋆", "circ": "∘", "bullet": "∙",
    "times": "×", "div": "÷", "pm": "±", "mp": "∓", "setminus": "∖", "smallsetminus": "∖",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "lt": "<", "gt": ">",
    "leqslant": "⩽", "geqslant": "⩾", "ll": "≪", "gg": "≫", "sim": "∼", "thicksim": "∼",
    "approx": "≈", "thickapprox": "≈", "simeq": "≃", "cong": "≅", "equiv": "≡", "propto": "∝",
    "varpropto": "∝", "coloneqq": "≔", "coloneq": "≔", "eqqcolon": "≕", "doteq": "≐",
    "triangleq": "≜", "land": "∧", "wedge": "∧", "lor": "∨", "vee": "∨", "lnot": "¬", "neg": "¬",
    "forall": "∀", "exists": "∃", "nexists": "∄", "in": "∈", "notin": "∉", "ni": "∋", "owns": "∋",
    "mid": "∣", "nmid": "∤", "parallel": "∥", "nparallel": "∦", "perp": "⊥",
    "preceq": "⪯", "succeq": "⪰", "asymp": "≍", "bot": "⊥",
    "top": "⊤", "vdash": "⊢", "dashv": "⊣", "models": "⊧", "Perp": "⫫", "upmodels": "⫫",
    "langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉",
    "lbrace": "{", "rbrace": "}", "lbrack": "[", "rbrack": "]", "lvert": "|", "rvert": "|",
    "lVert": "‖", "rVert": "‖", "vert": "|", "Vert": "‖", "|": "‖", "{": "{", "}": "}",
    "backslash": "\\", "sum": "∑", "prod": "∏", "coprod": "∐", "int": "∫", "iint": "∬",
    "iiint": "∭", "oint": "∮", "oiint": "∯", "intop": "∫", "smallint": "∫", "bigcup": "⋃",
    "bigcap": "⋂", "bigsqcup": "⨆", "bigvee": "⋁", "bigwedge": "⋀", "bigoplus": "⨁",
    "bigotimes": "⨂", "bigodot": "⨀", "biguplus": "⨄", "surd": "√", "square": "□", "Box": "□",
    "blacksquare": "■", "qed": "□", "triangle": "△", "dagger": "†", "ddagger": "‡", "dag": "†",
    "ddag": "‡", "S": "§", "P": "¶", "copyright": "©", "pounds": "£", "yen": "¥", "euro": "€",
    "AA": "Å", "aa": "å", "AE": "Æ", "ae": "æ", "OE": "Œ", "oe": "œ", "O": "Ø", "o": "ø",
    "L": "Ł", "l": "ł", "ss": "ß", "i": "ı", "j": "ȷ", "textmu": "µ", "upmu": "µ",
    "textdegree": "°", "textasciitilde": "~", "textasciicircum": "^", "textbackslash": "\\",
    "textbar": "|", "textless": "<", "textgreater": ">", "textunderscore": "_",
    "textendash": "–", "textemdash": "—", "textquoteright": "’", "textquoteleft": "‘",
    "texttimes": "×", "textdollar": "$", "colon": ":", "ldotp": ".", "%": "%", "&": "&",
    "#": "#", "$": "$", "_": "_", "And": "&", "Diamond": "◇", 
    "nsim": "≁", "diamond": "⋄", "lozenge": "◊",
    "clubsuit": "♣", "heartsuit": "♡", "spadesuit": "♠", "diamondsuit": "♢", "checkmark": "✓",
    "complement": "∁", "Bbbk": "𝕜", "hearts": "♡", "infin": "∞",
    "leadsto": "⇝", "rightsquigarrow": "⇝",
    "iff": "⟺", "digamma": "ϝ", "mho": "℧", "eth": "ð", "oslash": "⊘", "slash": "/",
    "trianglelefteq": "⊴", "trianglerighteq": "⊵", "unlhd": "⊴", "unrhd": "⊵", "lhd": "⊲",
    "rhd": "⊳", "gtrless": "≷", "lessgtr": "≶", "Alpha": "Α", "Beta": "Β", "Epsilon": "Ε",
    "Zeta": "Ζ", "Eta": "Η", "Iota": "Ι", "Kappa": "Κ", "Mu": "Μ", "Nu": "Ν", "Omicron": "Ο",
    "Rho": "Ρ", "Tau": "Τ", "Chi": "Χ", "omicron": "ο", "varGamma": "Γ", "varDelta": "Δ",
    "varTheta": "Θ", "varLambda": "Λ", "varPi": "Π", "varSigma": "Σ", "varPhi": "Φ",
    "varPsi": "Ψ", "varOmega": "Ω", "varXi": "Ξ", "varUpsilon": "Υ",
    "vDash": "⊨", "Join": "⋈", "lll": "⋘", "llless": "⋘", "ggg": "⋙", "gggtr": "⋙",
    "Doteq": "≑", "doteqdot": "≑", "ncong": "≇", "restriction": "↾", "dashrightarrow": "⇢",
    "dashleftarrow": "⇠", "doublecap": "⋒", "doublecup": "⋓", "nleqslant": "≰", "ngeqslant": "≱",
    "nleqq": "≰", "ngeqq": "≱", "npreceq": "⋠", "nsucceq": "⋡", "precnsim": "⋨", "succnsim": "⋩",
    "shortmid": "∣", "shortparallel": "∥", "varsubsetneq": "⊊", "varsupsetneq": "⊋",
    "iiiint": "⨌", "oiiint": "∰", "llbracket": "⟦", "rrbracket": "⟧", "Coloneqq": "⩴",
    "dblcolon": "∷", "upalpha": "α", "upbeta": "β", "updelta": "δ", "uppi": "π", "angstrom": "Å",
}  # fmt: skip
FUNCTIONS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "arcsin",
        "arccos",
        "arctan",
        "arccot",
        "sech",
        "csch",
        "ln",
        "log",
        "lg",
        "exp",
        "dim",
        "ker",
        "hom",
        "arg",
        "deg",
    ]
)
LIMITS = {
    "lim": "lim", "limsup": "lim sup", "liminf": "lim inf", "max": "max", "min": "min",
    "sup": "sup", "inf": "inf", "det": "det", "gcd": "gcd", "Pr": "Pr", "injlim": "inj lim",
    "projlim": "proj lim",
}  # fmt: skip
ACCENTS = {  # a command, and Typst's function
    "hat": "hat", "widehat": "hat", "tilde": "tilde", "widetilde": "tilde", "bar": "macron",
    "overline": "overline", "underline": "underline", "vec": "arrow", "overrightarrow": "arrow",
    "overleftarrow": "arrow.l", "overleftrightarrow": "arrow.l.r", "dot": "dot",
    "ddot": "dot.double", "dddot": "dot.triple", "ddddot": "dot.quad", "check": "caron",
    "widecheck": "caron", "breve": "breve", "acute": "acute", "grave": "grave",
    "mathring": "circle", "cancel": "cancel", "bcancel": "cancel", "xcancel": "cancel",
    "underbar": "underline", "Vec": "arrow", "utilde": "tilde",
}  # fmt: skip
FONTS = {  # a command, and Typst's functions around its argument
    "mathbf": ("bold", "upright"), "bold": ("bold", "upright"), "boldsymbol": ("bold",),
    "bm": ("bold",), "pmb": ("bold",), "mathrm": ("upright",), "mathup": ("upright",),
    "mathit": ("italic",), "mathnormal": (), "mathbb": ("bb",), "Bbb": ("bb",),
    "mathds": ("bb",), "mathbbm": ("bb",), "mathcal": ("cal",), "mathscr": ("scr",),
    "mathfrak": ("frak",), "mathsf": ("sans", "upright"), "mathtt": ("mono",),
    "symbf": ("bold", "upright"), "symbfit": ("bold",), "mathbfit": ("bold",),
    "mathbfcal": ("bold", "cal"), "frak": ("frak",),
    "textstyle": ("inline",), "displaystyle": ("display",), "scriptstyle": ("script",),
    "scriptscriptstyle": ("sscript",),
}  # fmt: skip
OLD_FONTS = {  # commands that hold to the end of the group
    "bf": FONTS["mathbf"], "bfseries": FONTS["mathbf"], "rm": FONTS["mathrm"],
    "it": FONTS["mathit"], "mit": FONTS["mathit"], "cal": FONTS["mathcal"],
    "tt": FONTS["mathtt"], "sf": FONTS["mathsf"], "scr": FONTS["mathscr"], "bb": FONTS["mathbb"],
    "frak": FONTS["mathfrak"], "displaystyle": ("display",), "textstyle": ("inline",),
    "scriptstyle": ("script",), "scriptscriptstyle": ("sscript",), "boldmath": ("bold",),
}  # fmt: skip
SIZES = {  # in em; they hold to the end of the group
    "tiny": 0.5, "Tiny": 0.5, "scriptsize": 0.7, "footnotesize": 0.8, "small": 0.9,
    "normalsize": 1, "large": 1.2, "Large": 1.44, "LARGE": 1.7, "huge": 2, "Huge": 2.5,
}  # fmt: skip
TEXT_FONTS = {
    "text": (), "textrm": (), "mbox": (), "hbox": (), "fbox": (), "textnormal": (), "textup": (),
    "textmd": (), "textbf": ("bold",), "textit": ("italic",), "emph": ("italic",),
    "textsl": ("italic",), "textsf": ("sans",), "texttt": ("mono",), "textsc": (),
    "textsuperscript": (),
    "textsubscript": (), "enclose": (), "vcenter": (), "verb": ("mono",),
}  # fmt: skip
SPACES = {
    ",": "thin", "thinspace": "thin", ":": "med", ">": "med", "medspace": "med", ";": "thick",
    "thickspace": "thick", " ": "wordspace", "space": "wordspace", "nobreakspace": "wordspace",
    "~": "wordspace", "enspace": "enspace", "enskip": "enspace", "quad": "quad", "qquad": "wide",
    "!": "negthin", "negthinspace": "negthin", "negmedspace": "negmed",
    "negthickspace": "negthick",
}  # fmt: skip
CLASSES = {
    "mathord": "normal", "mathbin": "binary", "mathrel": "relation", "mathopen": "opening",
    "mathclose": "closing", "mathpunct": "punctuation", "mathinner": "normal",
}  # fmt: skip
BIG = {"big": 1.2, "Big": 1.8, "bigg": 2.4, "Bigg": 3.0}  # delimiters, in em
TEXT_ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304",
    ".": "\u0307", "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b", "r": "\u030a",
}  # fmt: skip
DELIMITERS = {
    ".": "", "<": "⟨", ">": "⟩", "lgroup": "⟮", "rgroup": "⟯", "lmoustache": "⎰",
    "rmoustache": "⎱", "ulcorner": "⌜", "urcorner": "⌝",
}  # fmt: skip


@functools.cache
def symbol(name: str) -> str:
    """Return the character that a command prints, given without its backslash; "" if none."""
    if name in OWN:
        return OWN[name]
    known = getattr(get_database().get_macro_spec(name), "simplify_repl", None)
    if not isinstance(known, str) or len(known) != 1 or known.isascii() or known.isspace():
        return ""
    return known


@functools.cache
def get_database() -> LatexContextDb:
    """Return pylatexenc's table of commands."""
    return get_default_latex_context_db()


def negated(character: str) -> str:
    r"""Return what ``\not`` makes of a character; "" if Unicode has no such character."""
    composed = unicodedata.normalize("NFC", character + "\u0338")
    return composed if len(composed) == 1 else ""
