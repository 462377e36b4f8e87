"""What a PDF holds of its notebook: ``python -m hwlib.pdf check FILE``."""

import logging
import sys
from pathlib import Path

import click

from hwlib.pdf.check import prove_again
from hwlib.pdf.errors import PdfError
from hwlib.pdf.receipt import Receipt, read_receipt


def counted(count: int, thing: str) -> str:
    """Return "1 figure" or "2 figures"."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def describe(receipt: Receipt) -> str:
    """Return the receipt in lines for people."""
    cells = ", ".join(f"{count} {kind}" for kind, count in receipt.cells.items() if count)
    lines = [
        f"{receipt.standard}, cells of the notebook: {cells or 'none'}",
        f"{counted(receipt.code_characters, 'character')} of code, "
        f"{counted(receipt.headings, 'heading')} below the title",
        f"{counted(receipt.formulas, 'formula')}, {receipt.formulas_as_source} as source",
        f"{counted(receipt.tables, 'table')}, {counted(receipt.figures, 'figure')}, "
        f"{counted(receipt.pictures, 'picture')} in texts",
    ]
    for label in ("shortened", "not_shown", "warnings", "missing"):
        lines += [f"{label.replace('_', ' ')}: {part}" for part in getattr(receipt, label)]
    return "\n".join(lines)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Say what a PDF that this package made holds of its notebook."""


@commands.command(name="check")
@click.argument("pdf", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--notebook",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Prove the PDF again, against this notebook.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the receipt as JSON.")
def check_command(pdf: Path, notebook: Path | None, as_json: bool) -> None:
    """Print the receipt of the file PDF; exit 1 if the PDF lacks something."""
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its remarks on a damaged file
    try:
        content = pdf.read_bytes()
        receipt = prove_again(content, notebook) if notebook else read_receipt(content)
    except PdfError as error:
        raise click.ClickException(str(error)) from error
    click.echo(receipt.to_json() if as_json else describe(receipt))
    sys.exit(bool(receipt.missing))


if __name__ == "__main__":
    commands(prog_name="python -m hwlib.pdf")
