"""The command line: ``hwlib export``, ``verify``, ``grade``, ``fetch``, ``params``, ``sweep`` and
``pack``, or ``python -m hwlib ...``.
"""

import logging
import signal
import sys
import warnings
from typing import Any, NoReturn

try:
    import click

    from hwlib import __version__
    from hwlib.commands import students, teachers
    from hwlib.common.text import print_in_any_encoding
except ModuleNotFoundError as error:
    sys.exit(
        f"{sys.executable} lacks the package {error.name}. Run ./export.sh once, which makes "
        ".venv, then source .venv/bin/activate; or python -m pip install -e ."
    )

HELP = {"help_option_names": ["-h", "--help"], "show_default": True}


def stop(*_: Any) -> NoReturn:
    """Treat a polite kill like Ctrl-C, so that the kernel is shut down too."""
    raise KeyboardInterrupt


@click.group(context_settings=HELP)
@click.version_option(__version__, prog_name="hwlib")
def main() -> None:
    """A deep-learning homework: run it, turn it into what is handed in, verify it."""
    print_in_any_encoding()
    logging.basicConfig(format="warning: %(message)s")
    logging.getLogger("papermill").setLevel(logging.ERROR)
    # After Ctrl-C a kernel may die before its last task is asked for: no news for a user.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", module="zmq|traitlets|jupyter_client")
    signal.signal(signal.SIGTERM, stop)


for command in (
    students.export,
    teachers.verify,
    teachers.grade_class,
    students.fetch_data,
    students.params,
    students.pack_notebook,
    teachers.run_sweep,
):
    main.add_command(command)
