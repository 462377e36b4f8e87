"""The documentation against the program: links lead somewhere, commands and their options exist."""

import re
import runpy
import shlex
from pathlib import Path

import pytest
from support import ROOT

from hwlib.cli import main

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "data").glob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"python -m hwlib (?!-)[^`\n|]+|\./export\.sh[^`\n|]*")
SCRIPT = re.compile(r"python ((?:benchmarks|tests)/\w+\.py)")


def heading_anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("http", "mailto")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        assert not anchor or anchor in heading_anchors(path), target


def commands_of(page: Path) -> list[list[str]]:
    """The words of every command of ours on a page, without ``python -m hwlib``."""
    texts = COMMAND.findall(page.read_text(encoding="utf-8"))
    words = [shlex.split(text, comments=True) for text in texts]
    return [w[3:] if w[0] == "python" else ["export", *w[1:]] for w in words]


def test_every_command_exists_with_its_options():
    checked = 0
    for name, *words in (words for page in PAGES for words in commands_of(page)):
        command = main.commands[name.rstrip(".,;:")]
        known = {option for parameter in command.params for option in parameter.opts}
        given = {word for word in words if re.fullmatch(r"-p|--[a-z-]+", word)}
        assert given <= known | {"--help", "--cpu"}, (name, words)
        checked += 1
    assert checked > 20


def test_every_script_that_is_named_exists():
    named = {name for page in PAGES for name in SCRIPT.findall(page.read_text(encoding="utf-8"))}
    assert len(named) > 4
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_map_in_the_readme_has_every_folder_of_the_library():
    house = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Folders")[2]
    named = set(re.findall(r"(?<=[ \n])(\w+)/", house))
    folders = {path.parent.name for path in (ROOT / "hwlib").glob("*/__init__.py")}
    assert len(folders) > 10 and folders <= named, folders - named


def test_the_tables_of_measured_figures_are_those_that_their_command_writes():
    pages = runpy.run_path(str(ROOT / "benchmarks" / "measured.py"))["pages"]()
    assert len(pages) == 2
    for path, text in pages.items():
        assert text == path.read_text(encoding="utf-8"), "run: python benchmarks/measured.py"
