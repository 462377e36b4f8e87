"""Make the README's pictures and sample, from a demonstration and the stored trainings.

    python benchmarks/pictures.py
    python benchmarks/pictures.py out/demo/HW1_ID1_ID2.pdf --pages 3,12,20,26

Without a PDF only docs/frontier.png is drawn. A demonstration holds no photographs.
"""

import argparse
import shutil
import sys
from pathlib import Path

import pypdfium2
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hwlib.common.figures import use_style
from hwlib.q4_cats import study
from hwlib.q4_cats.plots import accuracy_by_size

DOCS = Path(__file__).resolve().parents[1] / "docs"


def page_strip(pdf: Path, numbers: list[int], height: int = 640) -> Image.Image:
    """Return pages of a PDF side by side, each with a thin frame."""
    document = pypdfium2.PdfDocument(pdf)
    pages = []
    for number in numbers:
        page = document[number - 1].render(scale=2).to_pil().convert("RGB")
        page = page.resize((round(page.width * height / page.height), height))
        pages.append(ImageOps.expand(page, 1, "#999999"))
    strip = Image.new("RGB", (sum(page.width + 16 for page in pages) - 16, height + 2), "white")
    left = 0
    for page in pages:
        strip.paste(page, (left, 0))
        left += page.width + 16
    return strip


def main() -> None:
    """Write docs/sample.pdf, docs/pages.png and docs/frontier.png."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pdf", type=Path, nargs="?", help="an exported homework")
    parser.add_argument("--pages", default="3,12,20,26", help="numbers of its pages, from 1")
    options = parser.parse_args()
    DOCS.mkdir(exist_ok=True)
    if options.pdf:
        shutil.copyfile(options.pdf, DOCS / "sample.pdf")
        strip = page_strip(options.pdf, [int(number) for number in options.pages.split(",")])
        strip.quantize(256).save(DOCS / "pages.png", optimize=True)
    use_style()
    fig = accuracy_by_size(study.frontier(study.load_runs()))
    fig.savefig(DOCS / "frontier.png", dpi=110)
    for path in sorted(DOCS.glob("*.png")):
        print(f"{path}  ({path.stat().st_size / 1000:.0f} kB)")


if __name__ == "__main__":
    main()
