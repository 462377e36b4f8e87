"""The base of this project's errors, and the error of data."""


class HwlibError(Exception):
    """Something cannot be done; the message is a sentence that says why and what to do next."""


class DataError(HwlibError):
    """Data are missing, damaged or unreadable; the message names the file and the remedy."""
