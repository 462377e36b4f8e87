"""The commands of graders and instructors: verify, grade and sweep.

Modules that load torch are imported where they are used, so that a wrong parameter is refused at
once.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from hwlib.commands.options import (
    Command,
    UserPath,
    command_line,
    mark,
    set_notebook,
    set_parameters,
)
from hwlib.common.text import without_controls
from hwlib.sweep.plan import Plan, plan


@click.command(cls=Command)
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


@click.command(cls=Command, name="grade")
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
    help="Moodle's grading worksheet; grades.csv is a copy of it with the grades.",
)
@click.option("--workers", type=click.IntRange(1), default=1, help="Hand-ins at a time.")
@click.option("--scheduler", metavar="ADDRESS", help="Run on this Dask cluster.")
@click.option(
    "--time-limit",
    type=click.FloatRange(1),
    default=120.0,
    metavar="SECONDS",
    help="Allowed for each class file.",
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

    The folder of --out gets leaderboard.csv and leaderboard.html, points.csv for the points that
    people give, grades.csv and feedback.zip for Moodle, similar.html, and a folder for each
    hand-in. The same call again looks only at what is new or changed.
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


@click.command(cls=Command, name="sweep")
@click.argument("sweep_file", metavar="FILE")
@set_parameters
@click.option("--only", metavar="Q1,Q3", help="Run these questions instead of the file's own.")
@click.option(
    "--out", type=UserPath(), help="Folder, or an address such as s3://...  [default: out/NAME]."
)
@click.option("--workers", type=click.IntRange(1), default=1, help="Runs at a time.")
@click.option(
    "--scheduler", metavar="ADDRESS", help="Run on this Dask cluster, as tcp://host:8786."
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
