"""The commands of students: export, fetch, params and pack.

Modules that load torch are imported where they are used, so that a wrong parameter is refused at
once.
"""

import sys
import time
from pathlib import Path

import click

from hwlib.commands.options import (
    Command,
    UserPath,
    command_line,
    mark,
    set_notebook,
    set_parameters,
)
from hwlib.common.project import NOTEBOOK
from hwlib.run.parameters import check_questions
from hwlib.run.profiles import explain, load_profile


@click.command(cls=Command)
@click.argument("profile", default="demo")
@set_parameters
@click.option("--only", metavar="Q1,Q3", help="Run these questions alone, and make no zip.")
@click.option(
    "--out",
    type=UserPath(path_type=Path, file_okay=False),
    help="Folder for the files  [default: out/PROFILE].",
)
@set_notebook
def export(
    profile: str,
    overrides: tuple[tuple[str, str], ...],
    only: str | None,
    out: Path | None,
    notebook: Path,
) -> None:
    """Run the notebook and make the files that are handed in.

    PROFILE names a file in params/ (demo: sample data, no download; submission: real data) or is
    the path of a YAML file of your own. A relative path in such a file is relative to the file's
    folder; one given by -p, to the folder in which you are.

    The files of an earlier export are moved to previous/. An interrupted export goes on from its
    last finished epoch when the same command is run again.
    """
    command = command_line("export", profile, overrides, only)
    parameters = load_profile(profile, overrides).model_copy(update={"command": command})
    questions = check_questions(only)
    from hwlib.submission import export as exports

    if obstacle := exports.obstacle_to_submission(parameters):
        click.secho(obstacle, fg="yellow", err=True)
    begun = time.perf_counter()
    try:
        paths = exports.export(
            parameters,
            questions,
            out or Path("out") / parameters.profile,
            notebook=notebook,
            announce=lambda text: click.echo(f"· {text}", err=True),
        )
    except KeyboardInterrupt:
        click.echo(
            "\nInterrupted. The same command goes on from the last finished epoch of the big cats' "
            "training; what is before it is done again.",
            err=True,
        )
        sys.exit(130)
    click.echo(f"Finished in {time.perf_counter() - begun:.0f} s:")
    for path in paths:
        click.echo(f"  {path}  ({path.stat().st_size / 1000:,.0f} kB)")


@click.command(cls=Command, name="fetch")
@click.argument("what", type=click.Choice(["mnist", "big_cats", "birds_dogs", "vgg16", "all"]))
@click.option("--data-dir", type=UserPath(), default="data", help="Where it is kept.")
@click.option("--offline", is_flag=True, help="Only look for it; download nothing.")
def fetch_data(what: str, data_dir: str, offline: bool) -> None:
    """Find the real data, or download it; check that it is complete.

    Looks below the data folder, below its hw1_data/ and among the data sets attached on Kaggle
    before it downloads: MNIST, the big cats by kagglehub, VGG16's weights into torch's cache. A
    file gets its name when it is complete, so this may be interrupted at any time.
    """
    from hwlib.common.data import fetch_and_check
    from hwlib.common.download import FETCH_NAMES
    from hwlib.common.errors import DataError
    from hwlib.q4_cats.cnn import CLASS_NAMES

    groups = {"birds_dogs": ("birds", "dogs"), "all": FETCH_NAMES}
    failed = 0
    for name in groups.get(what, (what,)):
        try:
            sentence = fetch_and_check(name, Path(data_dir), CLASS_NAMES, offline)
            click.echo(f"{mark(True)} {sentence}")
        except DataError as error:
            failed += 1
            click.echo(f"{mark(False)} {error}")
    if failed:
        click.echo("Data that lies elsewhere is found with --data-dir DIR.")
    sys.exit(1 if failed else 0)


@click.command(cls=Command)
@click.argument("profile", default="demo")
@set_parameters
def params(profile: str, overrides: tuple[tuple[str, str], ...]) -> None:
    """Print every parameter's value under PROFILE, and where it is from.

    A relative path in a YAML file is relative to that file's folder; one given by -p, or the
    notebook's default, to the folder in which you are.
    """
    for name, value, source in explain(profile, overrides):
        click.echo(f"{name:<15}{value!s:<39}  {source}")


@click.command(cls=Command, name="pack")
@click.argument("profile", default="demo")
@set_parameters
@click.option(
    "--out",
    type=UserPath(path_type=Path, dir_okay=False),
    default=f"out/{NOTEBOOK.name}",
    help="The notebook file.",
)
@set_notebook
def pack_notebook(
    profile: str, overrides: tuple[tuple[str, str], ...], out: Path, notebook: Path
) -> None:
    """Write one notebook file that carries the library, for Colab, Kaggle or an empty folder.

    It has the values of PROFILE in its first cell: with demo it runs without any data; the one for
    students is made by: pack submission. It installs what is missing except torch, and its last
    cell makes the files that are handed in.
    """
    from hwlib.submission.pack import pack

    path = pack(load_profile(profile, overrides), out, notebook)
    click.echo(f"  {path}  ({path.stat().st_size / 1000:,.0f} kB)")
    click.echo("Upload it to Colab or Kaggle, or open it in any Jupyter, and run all cells.")
