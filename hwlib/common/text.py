"""Text of unknown origin, made fit to be shown."""


def without_controls(text: str) -> str:
    """Return text that cannot control a terminal: line ends stay, other controls become ``�``."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
