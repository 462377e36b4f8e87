"""Text of any letters or of unknown origin, made fit to be shown."""

import codecs
import io
import sys

OTHER_SIGNS = {"✓": "+", "✗": "x", "·": "-", "→": "->", "±": "+-", "…": "..."}
SPELL_OUT = "hwlib-spell-out"  # the name by which a stream knows what follows


def spell_out(error: UnicodeError) -> tuple[str, int]:
    """Return other signs for those that a stream cannot write, and where it goes on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(OTHER_SIGNS.get(sign, "?") for sign in unknown), error.end


def print_in_any_encoding() -> None:
    """Let what is printed never fail, on a terminal in whatever encoding, as Windows' cp1252."""
    codecs.register_error(SPELL_OUT, spell_out)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=SPELL_OUT)


def without_controls(text: str) -> str:
    """Return text that cannot control a terminal: line ends stay, other controls become ``�``."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
