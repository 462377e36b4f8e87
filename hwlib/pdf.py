"""A notebook as a PDF, with pip-installed parts alone: pandoc reads the text, Typst sets the page.

``jupyter nbconvert --to typstpdf NOTEBOOK`` works for any notebook. The template in
``templates/`` reads the cells as data. After the build the PDF is read back, and an export that
lost a line of code, a line of output, a heading or a figure fails.
"""

import base64
import binascii
import hashlib
import json
import subprocess
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import typst
from nbconvert.exporters import Exporter
from nbformat import NotebookNode, from_dict
from pypandoc import get_pandoc_path
from traitlets.config import Config

from hwlib import document, fonts, proof
from hwlib.document import Block

TEMPLATES = Path(__file__).parent / "templates"
PICTURE_TYPES = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/svg+xml": "svg",
}


class PdfError(RuntimeError):
    """The PDF cannot be made, or is not complete; the message names the cell."""


def notebook_hash(notebook: NotebookNode) -> str:
    """SHA-256 of a notebook's content; the PDF carries it, which ties the two together."""
    return hashlib.sha256(json.dumps(notebook, sort_keys=True).encode()).hexdigest()


def drop_empty_tags(notebook: NotebookNode) -> NotebookNode:
    """A copy without ``tags: null``, which some editors write and nbconvert stumbles over."""
    notebook = deepcopy(notebook)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for metadata in (holder.get("metadata", {}) for holder in [*notebook.cells, *outputs]):
        if metadata.get("tags", []) is None:
            del metadata["tags"]
    return notebook


def to_typst(pieces: list[dict[str, str]]) -> tuple[list[dict[str, Any]], str]:
    """Markdown and HTML as Typst markup, in one call of pandoc.

    Args:
        pieces: ``{"format", "text"}`` each, the format a name that pandoc knows.

    Returns:
        ``{"markup", "pictures", "headings"}`` for each piece, and pandoc's warnings.

    Raises:
        PdfError: pandoc failed.
    """
    command = [get_pandoc_path(), "lua", str(TEMPLATES / "markdown.lua")]
    done = subprocess.run(command, input=json.dumps(pieces), capture_output=True, encoding="utf-8")
    if done.returncode:
        raise PdfError(f"pandoc could not read the notebook's text: {done.stderr.strip()}")
    return json.loads(done.stdout), done.stderr.strip()


def find_picture(
    source: str, attachments: dict[str, Any], folder: Path
) -> tuple[bytes, str] | None:
    """The bytes and the file ending of a picture that a text shows; None where it is not at hand.

    Args:
        source: what the text says: ``attachment:NAME``, a ``data:`` address or a relative path.
        attachments: the cell's.
        folder: the notebook's.
    """
    if source.startswith("attachment:"):
        name = source.removeprefix("attachment:")
        for mime, content in attachments.get(name, attachments.get(unquote(name), {})).items():
            return base64.b64decode(content), PICTURE_TYPES.get(mime, "")
    if source.startswith("data:"):
        head, _, content = source.partition(";base64,")
        try:
            return base64.b64decode(content), PICTURE_TYPES.get(head.removeprefix("data:"), "")
        except binascii.Error:
            return None
    path = folder / unquote(source)
    if "://" not in source and path.is_file():
        return path.read_bytes(), path.suffix.lstrip(".").lower()
    return None


def save_pictures(blocks: list[Block], folder: Path, target: Path) -> dict[str, str]:
    """Write the pictures that texts show into ``target``; their file names by what the text says.

    Two cells may attach different pictures under one name, so each name is made unique here.
    """
    pictures: dict[str, str] = {}
    for number, block in enumerate(blocks):
        for source in block.get("pictures", []):
            found = find_picture(source, block.get("attachments", {}), folder)
            if found and found[1] in PICTURE_TYPES.values():
                unique = f"{number}-{source}" if source.startswith("attachment:") else source
                name = f"picture-{len(pictures)}.{found[1]}"
                (target / name).write_bytes(found[0])
                pictures[unique] = name
                block["markup"] = block["markup"].replace(
                    f'#picture("{source}",', f'#picture("{unique}",'
                )
    return pictures


def save_figures(blocks: list[Block], target: Path) -> None:
    """Write the outputs' figures into ``target`` and put their file names into the blocks."""
    for block in (block for block in blocks if block["kind"] == "figure"):
        block["path"] = f"figure-{block['number']}.{PICTURE_TYPES[block['mime']]}"
        (target / block["path"]).write_bytes(block.pop("content"))


def compile_document(content: dict[str, Any], folder: Path) -> bytes:
    """The PDF of a document whose pictures lie in ``folder``.

    Raises:
        typst.TypstError: a piece of markup is not understood.
    """
    (folder / "document.json").write_text(json.dumps(content), encoding="utf-8")
    source = folder / "notebook.typ"
    source.write_bytes((TEMPLATES / "notebook.typ").read_bytes())
    fonts.copy_bundled(folder / "fonts")
    return typst.compile(str(source), root=str(folder), font_paths=[str(folder / "fonts")])


def find_culprits(content: dict[str, Any], folder: Path) -> list[Block]:
    """The blocks that cannot be compiled even alone, with Typst's reason under ``reason``.

    Raises:
        typst.TypstError: it is not for the blocks that the document cannot be compiled.
    """
    compile_document({**content, "blocks": []}, folder)
    culprits = []
    for block in content["blocks"]:
        try:
            compile_document({**content, "blocks": [block]}, folder)
        except typst.TypstError as error:
            culprits.append(block | {"reason": str(error).split("\n")[0]})
    return culprits


class TypstPDFExporter(Exporter):
    """nbconvert's ``--to typstpdf``: any notebook as PDF, without TeX and without a browser."""

    export_from_notebook = "PDF via Typst"
    file_extension = ".pdf"
    output_mimetype = "application/pdf"

    @property
    def default_config(self) -> Config:
        """Honour the usual tags for what is not to be printed."""
        tags = {
            "enabled": True,
            "remove_cell_tags": {"remove-cell", "remove_cell"},
            "remove_all_outputs_tags": {"remove-output", "remove_output"},
            "remove_input_tags": {"remove-input", "remove_input"},
        }
        config = Config({"TagRemovePreprocessor": tags})
        config.merge(super().default_config)
        return config

    def from_notebook_node(
        self, nb: NotebookNode, resources: Any = None, **options: Any
    ) -> tuple[bytes, Any]:
        """The PDF's bytes.

        Raises:
            PdfError: the PDF cannot be made or lacks something that the notebook holds.
        """
        content, resources = self.describe(self.replace_unprintable(nb), resources, **options)
        content["keywords"] = [f"sha256:{notebook_hash(nb)}"]
        folder = Path(resources.get("metadata", {}).get("path") or ".")
        with tempfile.TemporaryDirectory(prefix="typstpdf-") as temporary:
            pdf = self.build(content, folder, Path(temporary))
        missing = proof.find_missing(pdf, content["blocks"])
        if missing:
            raise PdfError(f"The PDF is not complete: {missing}")
        return pdf, resources

    def describe(
        self, nb: NotebookNode, resources: Any = None, **options: Any
    ) -> tuple[dict[str, Any], Any]:
        """What the PDF is made from, and what it is held against, as data."""
        nb, resources = super().from_notebook_node(drop_empty_tags(nb), resources, **options)
        content = document.describe(nb, resources.get("metadata", {}).get("name", "Notebook"))
        self.convert_texts(content["blocks"])
        return content, resources

    def replace_unprintable(self, nb: NotebookNode) -> NotebookNode:
        """Write characters that no font here has as their code points, and say so."""
        text = json.dumps(nb, ensure_ascii=False)
        missing = fonts.missing(text)
        if not missing:
            return nb
        self.log.warning(
            "No font here has the characters %s; they are printed as U+... Install a font that has "
            "them (on Debian fonts-noto-color-emoji, fonts-noto-cjk or fonts-noto-core).",
            " ".join(missing),
        )
        return from_dict(json.loads(text.translate(fonts.replacements(missing))))

    def convert_texts(self, blocks: list[Block]) -> None:
        """Give every block that holds Markdown or HTML its Typst markup."""
        texts = [block for block in blocks if "format" in block]
        converted, warnings = to_typst([{key: b[key] for key in ("format", "text")} for b in texts])
        if warnings:
            self.log.warning("%s", warnings)
        for block, result in zip(texts, converted, strict=True):
            block.update(result)
            if block["kind"] == "output" and not result["markup"].strip():
                block |= document.notice_block("An output for browsers alone is in the notebook.")

    def build(self, content: dict[str, Any], folder: Path, temporary: Path) -> bytes:
        """Compile; a text that Typst does not understand is shown as it was written instead."""
        save_figures(content["blocks"], temporary)
        content["pictures"] = save_pictures(content["blocks"], folder, temporary)
        try:
            return compile_document(content, temporary)
        except typst.TypstError as error:
            self.show_as_written(content, temporary, error)
        try:
            return compile_document(content, temporary)
        except typst.TypstError as error:
            raise PdfError(f"Typst could not set the notebook: {error}") from error

    def show_as_written(
        self, content: dict[str, Any], temporary: Path, error: typst.TypstError
    ) -> None:
        """Put plain text in place of what cannot be compiled.

        Raises:
            PdfError: that cannot be done; the message names the cell where it is a cell's fault.
        """
        try:
            culprits = find_culprits(content, temporary)
        except typst.TypstError:
            culprits = []
        for culprit in culprits:
            cell, reason = culprit["cell"], culprit["reason"]
            if "text" not in culprit:
                raise PdfError(f"Typst could not set an output of cell {cell}: {reason}") from error
            self.log.warning("Cell %s is shown as plain text: %s", cell, reason)
        broken = [culprit["markup"] for culprit in culprits]
        content["blocks"] = [
            document.as_plain_text(b) if b.get("markup") in broken else b for b in content["blocks"]
        ]
