"""What the commands share: paths, options, how errors are shown."""

import shlex
from pathlib import Path
from typing import Any

import click

from hwlib.common.errors import HwlibError
from hwlib.common.project import LOCATIONS, NOTEBOOK
from hwlib.run.parameters import ParameterError, expand


class UserPath(click.Path):
    """A path in which ``~`` and ``$HOME`` may stand, also in quotes."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path written in full; UsageError if ``~`` names nobody."""
        try:
            value = expand(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)


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
    help="Take this notebook instead; it must have the same parameters.",
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


def mark(ok: bool) -> str:
    """Return the sign before a line of a checklist."""
    return click.style("✓", fg="green") if ok else click.style("✗", fg="red")
