"""The base of this project's errors."""


class HwlibError(Exception):
    """Something cannot be done; the message is a sentence that says why and what to do next."""
