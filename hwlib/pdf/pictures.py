"""Pictures: their types, and where those that a text shows are found."""

import base64
import binascii
import hashlib
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

PICTURE_TYPES = {
    "image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg", "image/gif": "gif",
    "image/webp": "webp",
}  # fmt: skip
Attachments = Mapping[str, Mapping[str, str]]  # name → type → content in base64


class PictureFile(NamedTuple):
    """A picture's type, one of ``PICTURE_TYPES``, and its bytes."""

    mime: str
    content: bytes

    @property
    def name(self) -> str:
        """Return the name of the file that Typst reads; the same picture has the same name."""
        return f"{hashlib.sha256(self.content).hexdigest()[:16]}.{PICTURE_TYPES[self.mime]}"


def decode(content: str) -> bytes:
    """Return what base64 stands for; nothing if it is damaged."""
    try:
        return base64.b64decode(content)
    except binascii.Error:
        return b""


def read_source(source: str, attachments: Attachments, folder: Path) -> tuple[str, bytes]:
    """Return the type and the bytes that ``source`` names; no bytes if it is not at hand."""
    scheme, _, rest = source.partition(":")
    if scheme == "data":
        mime, _, content = rest.partition(";base64,")
        return mime, decode(content)
    if scheme == "attachment":
        for mime, content in attachments.get(rest, attachments.get(unquote(rest), {})).items():
            return mime, decode(content)
    path = folder / unquote(source)
    mime = mimetypes.guess_type(path.name, strict=False)[0] or ""
    return mime, path.read_bytes() if "://" not in source and path.is_file() else b""


def find_picture(source: str, attachments: Attachments, folder: Path) -> PictureFile | None:
    """Return a picture that a text shows as ``attachment:NAME``, by a ``data:`` address or by its
    path from the notebook's ``folder``; None if it is not at hand, or of another type.
    """
    mime, content = read_source(source, attachments, folder)
    return PictureFile(mime, content) if content and mime in PICTURE_TYPES else None
