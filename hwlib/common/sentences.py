"""Numbers as sentences show them."""


def signed(value: float, form: str) -> str:
    """Return a number by a format such as "+.2f", with a minus sign and not a hyphen."""
    return f"{value:{form}}".replace("-", "−")
