"""A notebook as a PDF, with pip-installed parts alone: pandoc reads the text, Typst sets the page.

``jupyter nbconvert --to typstpdf NOTEBOOK`` works for any notebook. The template in
``templates/`` reads the cells as data. After the build the PDF is read back, and an export that
lost a line of code, a line of output, a heading or a figure fails. ``make_pdf`` also knows
nbconvert's ways by LaTeX and by a browser.
"""

import hashlib
import io
import json
import mimetypes
import os
import shutil
import subprocess
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import matplotlib
import nbformat
import typst
from fontTools.ttLib import TTFont, TTLibError
from nbconvert.exporters import Exporter, get_exporter
from nbformat import NotebookNode
from nbformat.validator import normalize
from pypandoc import get_pandoc_path
from pypdf import PdfReader, PdfWriter
from traitlets.config import Config

from hwlib.pdf import blocks as document
from hwlib.pdf import proof
from hwlib.pdf.blocks import PICTURE_TYPES, Block

TEMPLATES = Path(__file__).parent / "templates"
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
BUNDLED = [
    FONTS / f"{name}.ttf"
    for name in ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSansMono-Bold")
]  # what the text fonts that Typst brings can print, these can, and much more
INVISIBLE = {"Cc", "Cf", "Cs", "Mn", "Zs", "Zl", "Zp"}  # categories without glyphs of their own
NEEDS = {
    "latex": "xelatex and Inkscape (on Debian: texlive-xetex texlive-latex-extra "
    "texlive-fonts-recommended texlive-plain-generic inkscape)",
    "webpdf": "nbconvert[webpdf] and Chromium (playwright install chromium)",
}
ENGINES = ("typst", *NEEDS)


class PdfError(RuntimeError):
    """The PDF cannot be made, or is not complete; the message names the cell."""


def notebook_hash(notebook: NotebookNode) -> str:
    """SHA-256 of a notebook's content; the PDF carries it, which ties the two together."""
    return hashlib.sha256(json.dumps(notebook, sort_keys=True).encode()).hexdigest()


def coverage(path: str) -> set[int]:
    """The code points that a font file has glyphs for; empty where it cannot be read."""
    try:
        return set(TTFont(path, fontNumber=0).getBestCmap() or ())  # the number is for collections
    except (OSError, TTLibError):
        return set()


def unprintable(text: str) -> list[str]:
    """The characters of ``text`` that no font at hand can print, sorted."""
    left = {ord(c) for c in set(text) if c > "\x7f" and unicodedata.category(c) not in INVISIBLE}
    system = [font.path for font in typst.Fonts().fonts() if font.path] if left else []
    for path in dict.fromkeys([*map(str, BUNDLED), *system]):
        if left:
            left -= coverage(path)
    return [chr(code) for code in sorted(left)]


def to_typst(pieces: list[dict[str, str]]) -> tuple[list[dict[str, Any]], str]:
    """``{"format", "text"}`` pieces as what ``markdown.lua`` makes of each, by one call of pandoc,
    and its warnings; PdfError where it fails.
    """
    command = [get_pandoc_path(), "lua", str(TEMPLATES / "markdown.lua")]
    done = subprocess.run(command, input=json.dumps(pieces), capture_output=True, encoding="utf-8")
    if done.returncode:
        raise PdfError(f"pandoc could not read the notebook's text: {done.stderr.strip()}")
    return json.loads(done.stdout), done.stderr.strip()


def find_picture(source: str, attachments: dict[str, Any], folder: Path) -> tuple[str, bytes]:
    """Type and bytes of a picture that a text shows as ``attachment:NAME``, by a ``data:`` address
    or by its path from the notebook's ``folder``; no bytes where it is not at hand.
    """
    scheme, _, rest = source.partition(":")
    if scheme == "data":
        mime, _, content = rest.partition(";base64,")
        return mime, document.decode(content)
    if scheme == "attachment":
        for mime, content in attachments.get(rest, attachments.get(unquote(rest), {})).items():
            return mime, document.decode(content)
    path = folder / unquote(source)
    mime = mimetypes.guess_type(path.name, strict=False)[0] or ""
    return mime, path.read_bytes() if "://" not in source and path.is_file() else b""


def save_pictures(blocks: list[Block], folder: Path, target: Path) -> None:
    """Write figures and texts' pictures into ``target``, and their files' names into the blocks."""
    for number, block in enumerate(blocks):
        if block["kind"] == "figure":
            block["path"] = f"figure-{block['number']}.{PICTURE_TYPES[block['mime']]}"
            (target / block["path"]).write_bytes(block.pop("content"))
        files = {}
        for source in block.get("pictures", []):
            mime, content = find_picture(source, block.get("attachments", {}), folder)
            if content and mime in PICTURE_TYPES:
                files[source] = f"picture-{number}-{len(files)}.{PICTURE_TYPES[mime]}"
                (target / files[source]).write_bytes(content)
        block["pictures"] = files


def compile_document(content: dict[str, Any], folder: Path) -> bytes:
    """The PDF of a document whose pictures and fonts lie in ``folder``, or a ``TypstError``."""
    (folder / "document.json").write_text(json.dumps(content), encoding="utf-8")
    source = shutil.copy(TEMPLATES / "notebook.typ", folder)
    return typst.compile(source, root=str(folder), font_paths=[str(folder)])


class TypstPDFExporter(Exporter):
    """nbconvert's ``--to typstpdf``: any notebook as PDF, without TeX and without a browser."""

    export_from_notebook = "PDF via Typst"
    file_extension = ".pdf"
    output_mimetype = "application/pdf"

    def from_notebook_node(
        self, nb: NotebookNode, resources: Any = None, **options: Any
    ) -> tuple[bytes, Any]:
        """The PDF's bytes; PdfError where it cannot be made or lacks what the notebook holds."""
        content, resources = self.describe(self.replace_unprintable(nb), resources, **options)
        content["keywords"] = [f"sha256:{notebook_hash(nb)}"]
        folder = Path(resources.get("metadata", {}).get("path") or ".")
        with tempfile.TemporaryDirectory(prefix="typstpdf-") as temporary:
            save_pictures(content["blocks"], folder, Path(temporary))
            pdf = self.build(content, Path(temporary))
        if missing := proof.find_missing(pdf, content["blocks"]):
            raise PdfError(f"The PDF is not complete: {missing}")
        return pdf, resources

    def describe(
        self, nb: NotebookNode, resources: Any = None, **options: Any
    ) -> tuple[dict[str, Any], Any]:
        """What the PDF is made from, and what it is held against, as data."""
        # Some editors write ``tags: null``, which is invalid.
        _, nb = normalize(nb, strip_invalid_metadata=True)
        nb, resources = super().from_notebook_node(nb, resources, **options)
        content = document.describe(nb, resources.get("metadata", {}).get("name", "Notebook"))
        texts = [block for block in content["blocks"] if "format" in block]
        converted, warnings = to_typst([{key: b[key] for key in ("format", "text")} for b in texts])
        if warnings:
            self.log.warning("%s", warnings)
        for block, result in zip(texts, converted, strict=True):
            block.update(result)
            if block["kind"] == "output" and not result["markup"].strip():
                notice = "An output for browsers alone is in the notebook."
                block |= document.text_block(notice, "comment")
        return content, resources

    def replace_unprintable(self, nb: NotebookNode) -> NotebookNode:
        """Write characters that no font here has as their code points, and say so."""
        text = json.dumps(nb, ensure_ascii=False)
        missing = unprintable(text)
        if missing:
            self.log.warning(
                "No font here has the characters %s; they are printed as U+... Install a font that "
                "has them (on Debian fonts-noto-color-emoji, fonts-noto-cjk or fonts-noto-core).",
                " ".join(missing),
            )
        points = {ord(c): f"U+{ord(c):04X}" for c in missing}
        return nbformat.from_dict(json.loads(text.translate(points)))

    def build(self, content: dict[str, Any], folder: Path) -> bytes:
        """Compile; what Typst does not understand is shown as written. PdfError if it cannot be."""
        for font in BUNDLED:
            shutil.copy(font, folder)
        with suppress(typst.TypstError):
            return compile_document(content, folder)
        try:
            compile_document(content | {"blocks": []}, folder)
            content["blocks"] = [self.settable(b, content, folder) for b in content["blocks"]]
            return compile_document(content, folder)
        except typst.TypstError as error:
            raise PdfError(f"Typst could not set the notebook: {error}") from error

    def settable(self, block: Block, content: dict[str, Any], folder: Path) -> Block:
        """The block, or its text as written where Typst cannot set it; PdfError without one."""
        try:
            compile_document(content | {"blocks": [block]}, folder)
            return block
        except typst.TypstError as error:
            cell, reason = block["cell"], str(error).split("\n")[0]
            if "text" not in block:
                raise PdfError(f"Typst could not set an output of cell {cell}: {reason}") from error
            self.log.warning("Cell %s is shown as plain text: %s", cell, reason)
            return {"cell": cell} | document.text_block(block["text"])


def stamp(pdf: bytes, content_hash: str) -> bytes:
    """The same PDF with its notebook's hash among the keywords, as our own engine writes it."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.add_metadata({"/Keywords": f"sha256:{content_hash}"})
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def make_pdf(notebook: Path, engine: str = "typst") -> bytes:
    """A notebook's PDF by one of ``ENGINES``, of which ``typst`` alone proves it complete; PdfError
    where the engine fails or lacks what it needs on this machine.
    """
    if engine == "typst":
        return TypstPDFExporter().from_filename(str(notebook))[0]
    name = {"latex": "pdf"}.get(engine, engine)  # as nbconvert knows it
    pandoc = str(Path(get_pandoc_path()).parent)
    if pandoc not in os.environ["PATH"].split(os.pathsep):
        os.environ["PATH"] += os.pathsep + pandoc
    config = Config()
    if hasattr(os, "geteuid"):  # Chromium has no sandbox for root
        config.WebPDFExporter.disable_sandbox = os.geteuid() == 0
    try:
        pdf, _ = get_exporter(name)(config=config).from_filename(str(notebook))
    except (OSError, RuntimeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise PdfError(
            f"The PDF engine {engine} failed: {reason}\nIt needs {NEEDS[engine]}; "
            "--pdf-engine typst needs nothing."
        ) from error
    return stamp(pdf, notebook_hash(nbformat.read(notebook, as_version=4)))
