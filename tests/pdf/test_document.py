"""Title, title block and numbers of figures."""

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook
from pdf.helpers import code, png, result

from hwlib.pdf.blocks import FigureBlock
from hwlib.pdf.document import INFO, TitleBlock
from hwlib.pdf.exporter import TypstPDFExporter


def describe(*cells, **metadata):
    return TypstPDFExporter().describe(new_notebook(cells=list(cells), metadata=metadata))


def test_the_first_heading_of_the_first_cell_is_the_title():
    document = describe(new_markdown_cell("# A title\n\nrest"))
    assert document.title_block == TitleBlock("A title")
    assert document.blocks[0].markup.markup.strip() == "rest"
    assert describe(code("1"), title="From metadata").title_block.title == "From metadata"
    assert describe(code("1")).title_block.title == "Notebook"


def test_a_cell_fills_the_title_block():
    info = {"authors": ["A"], "date": "2024-05-06", "banner": "Draft", "facts": [["seed", 1]]}
    found = describe(code("1", result(**{INFO.replace("/", "__"): info}))).title_block
    wanted = TitleBlock("Notebook", ["A"], ["2024", "05", "06"], "Draft", [("seed", "1")])
    assert found == wanted


def test_figures_are_numbered_over_all_cells():
    cell = code("1", result(image__png=png(2, 2)), result(image__png=png(3, 3)))
    cell.metadata["caption"] = "Two squares."
    blocks = describe(cell, code("2", result(image__png=png(4, 4)))).blocks
    figures = [block.alt for block in blocks if isinstance(block, FigureBlock)]
    assert figures == ["Figure 1. Two squares.", "Figure 2. Two squares.", "Figure 3."]


def test_the_homework_s_figures_all_have_captions(exported):
    notebook = nbformat.read(exported / "HW1_ID1_ID2.ipynb", as_version=4)
    blocks = TypstPDFExporter().describe(notebook).blocks
    figures = [block for block in blocks if isinstance(block, FigureBlock)]
    assert len(figures) >= 15 and all(figure.caption for figure in figures)
