"""The command line: ``hwlib export``, ``verify``, ``grade``, ``fetch``, ``params``, ``sweep`` and
``pack``, or ``python -m hwlib ...``.

Modules that load torch are imported where they are used, so that a wrong parameter is refused at
once.
"""

import json
import logging
import shlex
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NoReturn

try:
    import click
    from tqdm import tqdm

    from hwlib import __version__
    from hwlib.common.errors import HwlibError
    from hwlib.common.project import LOCATIONS, NOTEBOOK
    from hwlib.common.text import without_controls
    from hwlib.run.parameters import ParameterError, check_questions, expand
    from hwlib.run.profiles import explain, load_profile
    from hwlib.sweep.plan import Plan, plan
except ModuleNotFoundError as error:
    sys.exit(
        f"{sys.executable} lacks the package {error.name}. Run ./export.sh once, which makes "
        ".venv, then source .venv/bin/activate; or python -m pip install -e ."
    )


class UserPath(click.Path):
    """A path in which ``~`` and ``$HOME`` may stand, also in quotes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path written in full; UsageError if ``~`` names nobody."""
        try:
            value = expand(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)


HELP = {"help_option_names": ["-h", "--help"], "show_default": True}
set_parameters = click.option(
    "-p",
    "--parameter",
    "overrides",
    type=(str, str),
    multiple=True,
    metavar="NAME VALUE",
    help="Set a parameter of the notebook, as in: -p learning_rate 0.1",
)


def check_notebook(ctx: click.Context, parameter: click.Parameter, path: Path) -> Path:
    """Return the path of an existing notebook; UsageError if there is none."""
    if not path.is_file():
        raise click.UsageError(
            f"There is no notebook {path}. Work in the folder of the homework, or choose a "
            "notebook with --notebook.",
            ctx,
        )
    return path


set_notebook = click.option(
    "--notebook",
    type=UserPath(path_type=Path),
    default=NOTEBOOK,
    show_default=NOTEBOOK.name,
    callback=check_notebook,
    help="Run this one, which has the same parameters.",
)


class Command(click.Command):
    """A command that shows an error of ours as its sentence, a wrong parameter beside the usage."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except ParameterError as error:
            raise click.UsageError(str(error), ctx) from error
        except HwlibError as error:
            raise click.ClickException(str(error)) from error


class Commands(click.Group):
    """A group of such commands."""

    command_class = Command


def command_line(
    command: str, name: str, overrides: tuple[tuple[str, str], ...], only: str | None
) -> str:
    """Return the command that is recorded with the results: without the places of files, which
    are private and change no figure.
    """
    shown = Path(name).name if Path(name).is_absolute() else name
    words = ["python", "-m", "hwlib", command, shown]
    words += [word for pair in overrides if pair[0] not in LOCATIONS for word in ("-p", *pair)]
    return shlex.join([*words, *(["--only", only] if only else [])])


def stop(*_: Any) -> NoReturn:
    """Treat a polite kill like Ctrl-C, so that the kernel is shut down too."""
    raise KeyboardInterrupt


def mark(ok: bool) -> str:
    """Return the sign before a line of a checklist."""
    return click.style("✓", fg="green") if ok else click.style("✗", fg="red")


@click.group(context_settings=HELP, cls=Commands)
@click.version_option(__version__, prog_name="hwlib")
def main() -> None:
    """A deep-learning homework: run it, turn it into what is handed in, verify it."""
    logging.basicConfig(format="warning: %(message)s")
    logging.getLogger("papermill").setLevel(logging.ERROR)
    # After Ctrl-C a kernel may die before its last task is asked for: no news for a user.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="zmq|traitlets|jupyter_client")
    signal.signal(signal.SIGTERM, stop)


@main.command()
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
    the path of a YAML file of your own.

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


@main.command()
@click.argument("bundle", type=UserPath(path_type=Path))
@click.option("--data-dir", type=UserPath(), default="data", help="Holds MNIST/raw and big_cats/.")
@click.option(
    "--big-cats",
    type=UserPath(),
    metavar="DIR",
    help="Score Question 4 on this folder of class folders  [default: big_cats/test].",
)
@click.option("--submission", is_flag=True, help="Refuse a demonstration, or one without IDs.")
@click.option(
    "--trust-class-file",
    is_flag=True,
    help="Run the class file even if nothing on this machine can lock it in.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def verify(
    bundle: Path,
    data_dir: str,
    big_cats: str | None,
    submission: bool,
    trust_class_file: bool,
    as_json: bool,
) -> None:
    """Check a bundle and score its pickles again, from the zip alone.

    Exit code 0 only when every check holds.
    """
    from hwlib.submission.verify import verify as verify_bundle

    report = verify_bundle(bundle, data_dir, big_cats, submission, trust_class_file)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=1))
    else:
        for check in report.checks:
            click.echo(f"{mark(check.ok)} {check.name:<11}{check.message}")
        if report.diff:
            click.echo(f"\nThe code cells against the homework's own:\n{report.diff}")
    sys.exit(0 if report.ok else 1)


@main.command(name="grade")
@click.argument("folder", type=UserPath(path_type=Path))
@click.option(
    "--data-dir", type=UserPath(path_type=Path), default="data", help="Holds MNIST and big_cats."
)
@click.option(
    "--big-cats",
    type=UserPath(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Score Question 4 on this folder of class folders, which nobody has seen "
    "[default: big_cats/test].",
)
@click.option(
    "--rubric",
    type=UserPath(path_type=Path),
    metavar="FILE",
    help="YAML file with the points [default: the one of hwlib/grading].",
)
@click.option(
    "--worksheet",
    type=UserPath(path_type=Path),
    metavar="CSV",
    help="Moodle's grading worksheet, which grades.csv will be with the grades in it.",
)
@click.option("--workers", type=click.IntRange(1), default=1, help="Hand-ins at a time.")
@click.option("--scheduler", metavar="ADDRESS", help="Let a Dask cluster do it.")
@click.option(
    "--time-limit",
    type=click.FloatRange(1),
    default=120.0,
    metavar="SECONDS",
    help="That a class file may take.",
)
@click.option(
    "--trust-class-file",
    is_flag=True,
    help="Run class files even if nothing on this machine can lock them in.",
)
@click.option(
    "--out", type=UserPath(path_type=Path, file_okay=False), default="out/graded", help="Results."
)
def grade_class(
    folder: Path,
    data_dir: Path,
    big_cats: Path | None,
    rubric: Path | None,
    worksheet: Path | None,
    out: Path,
    trust_class_file: bool,
    **options: Any,
) -> None:
    """Score every hand-in of a class again, rank them, and fill in Moodle's worksheet.

    FOLDER is what Moodle's "Download all submissions" gives, unpacked or as its zip, or any folder
    with a folder or a zip for each hand-in.

    OUT gets leaderboard.csv and leaderboard.html, points.csv for the points that people give,
    grades.csv and feedback.zip for Moodle, similar.html, and a folder for each hand-in. The same
    call again looks only at what is new or changed.
    """
    from hwlib.grading.moodle import read_worksheet
    from hwlib.grading.results import write_results
    from hwlib.grading.rubric import DEFAULT, read_rubric
    from hwlib.grading.runner import GradingOptions, grade

    points = read_rubric(rubric or DEFAULT)
    if worksheet:
        read_worksheet(worksheet)  # one that is wrong is refused before an hour of work
    asked = GradingOptions(data_dir, big_cats, trust=trust_class_file, **options)
    try:
        graded = grade(folder, out, asked, lambda text: click.echo(f"· {text}", err=True))
    except KeyboardInterrupt:
        click.echo(
            "\nInterrupted. The same command goes on with the hand-ins that are left.", err=True
        )
        sys.exit(130)
    written = write_results(graded.records, out, points, worksheet)
    with_problems = sum(bool(record.problems) for record in graded.records)
    count = len(graded.records)
    click.echo(
        f"{count} hand-ins, {graded.looked_at} looked at now, {with_problems} with problems."
    )
    if written.graded < count:
        click.echo(f"{count - written.graded} wait for points of people: {out / 'points.csv'}")
    if written.worksheet and written.worksheet.without_row:
        names = ", ".join(map(without_controls, written.worksheet.without_row[:5]))
        click.echo(f"{len(written.worksheet.without_row)} have no row in the worksheet: {names}")
    click.echo(f"  {out / 'leaderboard.html'}")


@main.command(name="fetch")
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


@main.command()
@click.argument("profile", default="demo")
@set_parameters
def params(profile: str, overrides: tuple[tuple[str, str], ...]) -> None:
    """Print every parameter's value under PROFILE, and where it is from."""
    for name, value, source in explain(profile, overrides):
        click.echo(f"{name:<15}{value!s:<39}  {source}")


@main.command(name="pack")
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


@main.command(name="sweep")
@click.argument("sweep_file", metavar="FILE")
@set_parameters
@click.option("--only", metavar="Q1,Q3", help="Run these questions instead of the file's own.")
@click.option(
    "--out", type=UserPath(), help="Folder, or an address such as s3://...  [default: out/NAME]."
)
@click.option("--workers", type=click.IntRange(1), default=1, help="Runs at a time.")
@click.option(
    "--scheduler", metavar="ADDRESS", help="Let a Dask cluster do it, as tcp://host:8786."
)
@click.option("--threads", type=click.IntRange(1), default=1, help="For each run.")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="End a run that takes longer  [default: none].",
)
@click.option("--force", is_flag=True, help="Do again what is there already.")
@set_notebook
def run_sweep(
    sweep_file: str,
    overrides: tuple[tuple[str, str], ...],
    only: str | None,
    out: str | None,
    notebook: Path,
    **options: Any,
) -> None:
    """Run the notebook for every setting in FILE, and compare them.

    FILE is a YAML file, or the name of one in params/, with grid:, zip: or seeds:. Only what is
    missing or has failed is done; an interrupted sweep goes on when the same command is run again.
    """
    command = command_line("sweep", sweep_file, overrides, only)
    planned = plan(sweep_file, overrides, only, out, notebook, command)
    from hwlib.sweep.runner import Options, perform_missing

    try:
        performed = perform_missing(
            planned.runs, Options(**options), lambda text: tqdm.write(text, sys.stderr)
        )
    except KeyboardInterrupt:
        click.echo("\nInterrupted. The same command does the runs that are missing.", err=True)
        sys.exit(130)
    failed = report_sweep(planned)
    there = len(planned.runs) - performed
    click.echo(f"{performed} runs performed, {there} were there, {failed} failed.")
    click.echo(f"  {planned.out}/results.csv\n  {planned.out}/summary.html")
    sys.exit(1 if failed else 0)


def report_sweep(planned: Plan) -> int:
    """Write a sweep's table and page, print its leaderboard, and return how many runs failed."""
    from hwlib.sweep.leaderboard import (
        fit_width,
        is_written,
        leaderboard,
        load_sweep,
        write_index,
        write_table,
    )

    write_index(planned)
    table = load_sweep(planned.out)
    if not is_written(table, planned.out):
        from hwlib.sweep.summary import write_summary

        write_summary(table, planned.out)
        write_table(table, planned.out)
    board = leaderboard(table, list(planned.runs[0].swept))
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else sys.maxsize
    click.echo(fit_width(board, width) if len(board) else "No figures to rank.")
    return int((table["status"] != "done").sum())
