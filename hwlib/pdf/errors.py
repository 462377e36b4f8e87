"""The one error of this package, and how nbconvert's command line shows it."""

import logging

from nbconvert.utils.exceptions import ConversionException


class PdfError(ConversionException):
    """The PDF cannot be made or is not complete; the message is a sentence that names the cell."""


def show_as_sentence(record: logging.LogRecord) -> bool:
    """Replace the traceback that nbconvert logs with a ``PdfError`` by the error's sentence."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, PdfError):
        record.msg, record.args, record.exc_info = str(error), (), None
    return True
