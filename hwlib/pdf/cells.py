"""A notebook's cells as blocks; tags, metadata and options hide a cell, its source or outputs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from nbformat import NotebookNode

from hwlib.pdf.blocks import CellBlock, CodeBlock, MarkdownBlock, PageBreakBlock, TextBlock
from hwlib.pdf.lines import code_lines, text_lines
from hwlib.pdf.outputs import Captions, output_blocks
from hwlib.pdf.pandoc import MARKDOWN

STAYS_WITH_OUTPUT = 15  # lines of code that are not parted from their output by a page's end
OPTION = re.compile(r"(?:#|//|--)\| *([\w.-]+) *[:=] *(.*?) *")  # Quarto's, above the source
PAGE_BREAK = re.compile(
    r"\s*(?:\\(?:newpage|pagebreak|clearpage)|\{\{<\s*pagebreak\s*>\}\}"
    r"|<(?P<tag>div|p|span)\b[^>]*break-(?:after|before): *(?:always|page)[^>]*>\s*</(?P=tag)>)\s*"
)
FENCE = re.compile(r" {0,3}(```|~~~)")
FRONT_MATTER = re.compile(r"---\s*\n.*\n---\s*", re.DOTALL)  # Quarto's settings in a raw cell


@dataclass(frozen=True)
class Switches:
    """What nbconvert's switches, as ``--no-input``, leave out of all cells."""

    inputs: bool = True
    outputs: bool = True
    prompts: bool = True
    markdown: bool = True
    raw: bool = True
    code: bool = True

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Switches":
        """Return what a configuration of nbconvert says of ``TemplateExporter``."""
        settings = config.get("TemplateExporter", {})

        def includes(name: str) -> bool:
            return settings.get(f"exclude_{name}", False) is not True

        return cls(
            inputs=includes("input"),
            outputs=includes("output"),
            prompts=includes("input_prompt"),
            markdown=includes("markdown"),
            raw=includes("raw"),
            code=includes("code_cell"),
        )


PRINT_ALL = Switches()


def has_tag(node: NotebookNode, tag: str) -> bool:
    """Return whether a cell has a tag, written with a hyphen or an underscore."""
    return not {tag, tag.replace("-", "_")}.isdisjoint(node.metadata.get("tags") or [])


def read_options(source: str) -> dict[str, str]:
    """Return the options that stand as comments, ``#| name: value``, above a cell's source."""
    lines = takewhile(bool, (OPTION.fullmatch(line) for line in source.lstrip().split("\n")))
    return {line[1]: line[2].strip("\"'") for line in lines if line}


def is_hidden(node: NotebookNode, part: str, options: Mapping[str, str]) -> bool:
    """Return whether a code cell's ``part``, "input" or "output", is not to be printed."""
    tags = (f"{verb}-{what}" for verb in ("remove", "hide") for what in (part, "cell"))
    jupyter = node.metadata.get("jupyter") or {}
    in_jupyter = {"input": "source_hidden", "output": "outputs_hidden"}[part]
    option = {"input": "echo", "output": "output"}[part]
    said_no = (options.get(name, "").lower() == "false" for name in (option, "include"))
    by_nbconvert = part == "input" and (node.get("transient") or {}).get("remove_source")
    return (
        any(has_tag(node, tag) for tag in tags)
        or jupyter.get(in_jupyter) is True
        or node.metadata.get(f"hide_{part}") is True
        or any(said_no)
        or bool(by_nbconvert)
    )


def code_blocks(
    cell: int, node: NotebookNode, language: str, switches: Switches
) -> Iterator[CellBlock]:
    """Return a code cell's source and outputs."""
    options = read_options(node.source)
    has_outputs = switches.outputs and not is_hidden(node, "output", options)
    caption = node.metadata.get("caption") or options.get("fig-cap", "")
    of_table = options.get("tbl-cap") or node.metadata.get("caption", "")
    captions = Captions(str(caption), str(of_table))
    outputs = list(output_blocks(cell, node.outputs, captions)) if has_outputs else []
    if node.source.strip() and switches.inputs and not is_hidden(node, "input", options):
        lines = code_lines(node.source.rstrip("\n"), language)
        sticky = bool(outputs) and len(lines) <= STAYS_WITH_OUTPUT
        count = str(node.execution_count or " ") if switches.prompts else ""
        yield CodeBlock(cell, lines, count, sticky)
    yield from outputs


def split_pages(text: str) -> list[str]:
    r"""Return the parts of a Markdown text between lines that break the page, as ``\newpage``."""
    parts, fence = [""], ""
    for line in text.splitlines(keepends=True):
        if edge := FENCE.match(line):
            fence = "" if edge[1] == fence else fence or edge[1]
        if not fence and PAGE_BREAK.fullmatch(line):
            parts.append("")
        else:
            parts[-1] += line
    return parts


def markdown_blocks(cell: int, node: NotebookNode) -> Iterator[CellBlock]:
    """Return a Markdown text, and a page break for each line that asks for one."""
    for number, part in enumerate(split_pages(node.source)):
        if number:
            yield PageBreakBlock(cell)
        yield MarkdownBlock(cell, part, MARKDOWN, node.get("attachments", {}))


def raw_blocks(cell: int, node: NotebookNode) -> Iterator[CellBlock]:
    """Return a raw cell's text, unless it is written for another format than a PDF's."""
    written_for = node.metadata.get("raw_mimetype") or node.metadata.get("format") or "text/plain"
    if PAGE_BREAK.fullmatch(node.source):
        yield PageBreakBlock(cell)
    elif written_for == "text/markdown":
        yield from markdown_blocks(cell, node)
    elif cell == 1 and FRONT_MATTER.fullmatch(node.source):
        return
    elif written_for == "text/plain" and node.source.strip():
        yield TextBlock(cell, text_lines(node.source))


def cell_blocks(
    cell: int,
    node: NotebookNode,
    language: str,
    switches: Switches = PRINT_ALL,
) -> Iterator[CellBlock]:
    """Return what a cell prints; ``cell`` is its place in the notebook."""
    if has_tag(node, "remove-cell"):
        return
    if node.cell_type == "markdown" and switches.markdown:
        yield from markdown_blocks(cell, node)
    elif node.cell_type == "code" and switches.code:
        yield from code_blocks(cell, node, language, switches)
    elif node.cell_type == "raw" and switches.raw:
        yield from raw_blocks(cell, node)
