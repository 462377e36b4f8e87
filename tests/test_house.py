"""The rules of the house that a program can check: names, length of functions, the notebook's form.

The direction of the imports is held by import-linter (pyproject.toml), which ``test.sh`` runs.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest
import yaml

from hwlib.common.project import NOTEBOOK, QUESTIONS

HWLIB = Path(__file__).resolve().parents[1] / "hwlib"
MODULES = sorted(HWLIB.rglob("*.py"))
# Two questions, or a command and what it calls, may each have their own: they never meet.
SHARED_NAMES = {"train_epoch", "evaluate", "export", "verify"}


def top_level_names(tree: ast.Module) -> list[str]:
    """Functions, classes and constants that a module defines."""
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    targets = [
        t for n in assigned for t in (n.targets if isinstance(n, ast.Assign) else [n.target])
    ]
    return names + [target.id for target in targets if isinstance(target, ast.Name)]


@pytest.fixture(scope="module")
def cells() -> list:
    return nbformat.read(NOTEBOOK, as_version=4).cells


def test_no_name_is_defined_in_two_modules():
    homes = defaultdict(list)
    for path in MODULES:
        for name in top_level_names(ast.parse(path.read_text())):
            homes[name].append(path.relative_to(HWLIB).as_posix())
    twice = {name: paths for name, paths in homes.items() if len(paths) > 1}
    assert len(homes) > 300
    assert {name: paths for name, paths in twice.items() if name not in SHARED_NAMES} == {}


def test_every_function_fits_on_a_screen():
    lengths = {
        (path.relative_to(HWLIB).as_posix(), node.name, node.lineno): node.end_lineno
        - node.lineno
        + 1
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert len(lengths) > 300
    assert max(lengths.values()) <= 60, max(lengths, key=lengths.get)


def test_notebook_is_committed_without_outputs(cells):
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(code) > 50
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


def test_notebook_cells_are_calls(cells):
    """All but the one that finds the library, which cannot call it yet."""
    code = [cell for cell in cells if cell.cell_type == "code"]
    called = [cell for cell in code if "bootstrap" not in cell.metadata.get("tags", [])]
    assert len(called) == len(code) - 1
    for cell in called:
        kinds = (ast.For, ast.While, ast.ClassDef, ast.FunctionDef, ast.With, ast.Try, ast.If)
        nodes = list(ast.walk(ast.parse(cell.source)))
        assert not any(isinstance(node, kinds) for node in nodes), cell.source
        assert "plt." not in cell.source


def test_every_question_and_part_has_its_heading(cells):
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    headings = [line.lstrip("# ") for line in text.splitlines() if line.startswith("##")]
    for start in (
        *("Question 1", "1.1", "1.2", "1.3", "1.4", "Question 2", "2.I ", "2.II ", "Question 3"),
        *("3.I ", "3.II ", "3.II.a", "3.II.b", "Question 4", "4.I ", "4.I.1", "4.I.2", "4.I.3"),
        *("4.II ", "4.II.1", "4.II.2", "4.II.3", "4.II.4", "4.II.5", "4.II.6"),
    ):
        assert any(heading.startswith(start) for heading in headings), start


def test_the_contents_lead_to_headings(cells):
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    anchors = {line.lstrip("# ").replace(" ", "-") for line in text.splitlines() if line[:1] == "#"}
    links = re.findall(r"^\d\. \[[^]]+\]\(#(.+?)\): ", text, re.MULTILINE)
    assert len(links) == len(QUESTIONS) and set(links) <= anchors


def test_cells_carry_their_question_s_tag(cells):
    question = ""
    for cell in cells:
        if heading := re.match(r"#{2,3} Question (\d)", cell.source):  # "###" in the appendix
            question = "q" + heading[1]
        elif cell.source.startswith("## "):
            question = ""
        tags = set(cell.metadata.get("tags", [])) & set(QUESTIONS)
        assert tags == ({question} if question else set()), cell.source[:60]


def test_questions_run_without_each_other(cells):
    """What a question's cells use is bound by its own cells or those outside all questions."""
    for question in QUESTIONS:
        bound, used = set(dir(__builtins__)) | set(__builtins__), set()
        for cell in (cell for cell in cells if cell.cell_type == "code"):
            tags = set(cell.metadata.get("tags", [])) & set(QUESTIONS)
            if tags and question not in tags:
                continue
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Name):
                    (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
                elif isinstance(node, ast.alias):
                    bound.add((node.asname or node.name).split(".")[0])
                elif isinstance(node, ast.arg):
                    bound.add(node.arg)
        assert used <= bound, (question, used - bound)


def test_hooks_are_pinned_so_that_everybody_has_the_same_style():
    hooks = yaml.safe_load((HWLIB.parent / ".pre-commit-config.yaml").read_text())["repos"]
    needed = [
        need for repo in hooks for hook in repo["hooks"] for need in hook["additional_dependencies"]
    ]
    assert len(needed) > 3 and all("==" in need for need in needed)
