"""Pictures: their types, and where those that a text shows are found."""

import base64
import binascii
import hashlib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, unquote_to_bytes

from PIL import Image

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
        ending = PICTURE_TYPES[picture_type(self.content) or self.mime]
        return f"{hashlib.sha256(self.content).hexdigest()[:16]}.{ending}"


SIGNATURES = {
    rb"\x89PNG\r\n\x1a\n": "image/png", rb"\xff\xd8\xff": "image/jpeg", rb"GIF8": "image/gif",
    rb"RIFF....WEBP": "image/webp",
    rb"(\xef\xbb\xbf)?\s*<(\?xml|!--|!DOCTYPE svg|svg)": "image/svg+xml",
}  # fmt: skip


NAMESPACES = {  # of XML: the attribute that declares one, what shows that it is used, its address
    b"xmlns": (b"<svg", b"http://www.w3.org/2000/svg"),
    b"xmlns:xlink": (b"xlink:", b"http://www.w3.org/1999/xlink"),
}
LAST_BYTES = {"image/png": b"IEND", "image/jpeg": b"\xff\xd9", "image/gif": b"\x00\x3b"}
ROOM_FOR_END = 64  # bytes at a file's end in which its mark must stand


def picture_type(content: bytes) -> str:
    """Return a picture's type by its first bytes, which are right if its name is wrong; "" if they
    are of no type that can be printed.
    """
    matches = (mime for start, mime in SIGNATURES.items() if re.match(start, content, re.DOTALL))
    return next(matches, "")


def is_whole(content: bytes, mime: str) -> bool:
    """Return whether a picture can be decoded: a part of a file cannot be set."""
    end = LAST_BYTES.get(mime)
    if end is None:
        return True
    try:
        picture = Image.open(io.BytesIO(content))  # reads the first bytes alone
        if end not in content[-ROOM_FOR_END:]:
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def mend_svg(content: bytes) -> bytes:
    """Return a drawing with the names of XML that browsers add to it if they read it in a page."""
    for name, (used, address) in NAMESPACES.items():
        if name + b"=" not in content and used in content:
            content = content.replace(b"<svg", b'<svg %s="%s"' % (name, address), 1)
    return content


def decode(content: str) -> bytes:
    """Return what base64 stands for; nothing if it is damaged."""
    try:
        return base64.b64decode(content)
    except binascii.Error:
        return b""


def read_file(path: Path, folder: Path) -> bytes:
    """Return what a file within ``folder`` holds; nothing of one outside it, also by a link."""
    try:
        owned = path.resolve().is_relative_to(folder.resolve())
        return path.read_bytes() if owned and path.is_file() else b""
    except (OSError, ValueError):  # a name that is too long, or holds a zero byte
        return b""


def read_source(source: str, attachments: Attachments, folder: Path) -> bytes:
    """Return the bytes that ``source`` names; none if they are not at hand."""
    scheme, _, rest = source.partition(":")
    if scheme == "data":
        head, _, content = rest.partition(",")
        return decode(content) if head.endswith(";base64") else unquote_to_bytes(content)
    if scheme == "attachment":
        for content in attachments.get(rest, attachments.get(unquote(rest), {})).values():
            return decode(content)
    if "://" in source:
        return b""
    names = (source, source.partition("?")[0].partition("#")[0])
    contents = (read_file(folder / unquote(name), folder) for name in names)
    return next(filter(None, contents), b"")


def read_picture(content: bytes, written_type: str = "") -> PictureFile | None:
    """Return a picture whose type is told by its first bytes, or else as written; None if it is
    damaged or of no type that can be printed.
    """
    mime = picture_type(content) or written_type
    if not mime or not content or not is_whole(content, mime):
        return None
    return PictureFile(mime, mend_svg(content) if mime.endswith("xml") else content)


def find_picture(source: str, attachments: Attachments, folder: Path) -> PictureFile | None:
    """Return a picture that a text shows as ``attachment:NAME``, by a ``data:`` address or by its
    path from the notebook's ``folder``; None if it is not at hand, outside the folder, damaged, or
    of another type.
    """
    content = read_source(source, attachments, folder)
    return read_picture(content)
