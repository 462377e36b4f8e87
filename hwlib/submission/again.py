"""What is handed in, made from within the notebook: its last cell runs it once more, from top to
bottom, and takes over the training of the big cats. Needs no package of the export until it begins.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from IPython import get_ipython
from nbformat import NotebookNode

from hwlib.common.project import (
    BY_HAND,
    CHECKPOINT,
    NOTEBOOK,
    NOTEBOOK_NAME,
    ROOT,
    UNFINISHED,
    stem_of,
)
from hwlib.common.runtime import SetupError, export_requirements, install, missing_packages
from hwlib.run.cells import parameter_cell
from hwlib.run.parameters import Parameters

FOLDER = "hand_in"  # below the folder of the run
HOW = (
    "To make the files that are handed in, set make_files to True in the cell of the parameters, "
    "run that cell and then this one."
)
OTHERWISE = (
    "The files that are handed in cannot be made here. This notebook makes them on any machine "
    "where these packages are, or can be installed."
)


def colab_notebook() -> NotebookNode | None:
    """Return the notebook as it stands in Colab now; None elsewhere."""
    try:
        from google.colab import _message

        answer = _message.blocking_request("get_ipynb", request="", timeout_sec=60)
        content: NotebookNode = nbformat.reads(json.dumps(answer["ipynb"]), as_version=4)
    except Exception:  # Colab's own module, without a promise; without it the saved one is taken
        return None
    return content


def saved_notebook() -> Path | None:
    """Return the file of this notebook, if VS Code or Jupyter tell it; otherwise None."""
    namespace = getattr(get_ipython(), "user_ns", {})
    told = (namespace.get("__vsc_ipynb_file__"), os.environ.get("JPY_SESSION_NAME"))
    paths = (Path(str(name)) for name in told if str(name).endswith(".ipynb"))
    return next((path for path in paths if path.is_file()), None)


def this_notebook() -> tuple[NotebookNode, str]:
    """Return this notebook, and a sentence on where it is from."""
    if (content := colab_notebook()) and parameter_cell(content):
        return content, "The notebook as it stands is run once more."
    if path := saved_notebook():
        content = nbformat.read(path, as_version=4)
        if parameter_cell(content):
            saved = time.strftime("%H:%M:%S", time.localtime(path.stat().st_mtime))
            return content, f"{path.name} is run once more, as it was saved at {saved}."
    return nbformat.read(NOTEBOOK, as_version=4), (
        "The homework's own notebook is run once more: cells that you changed are not in it."
    )


def copy_checkpoint(run: Path, out: Path) -> bool:
    """Let the export find the training that this notebook has done; whether there is one."""
    if not (run / CHECKPOINT).is_file():
        return False
    (out / UNFINISHED).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / CHECKPOINT, out / UNFINISHED / CHECKPOINT)
    return True


def run_export(parameters: Parameters, notebook: NotebookNode, out: Path) -> bool:
    """Export the notebook in a process of its own, show what it says, and return whether it was
    completed.
    """
    with tempfile.TemporaryDirectory(prefix="hwlib-") as folder:
        copied, profile = Path(folder, NOTEBOOK_NAME), Path(folder, f"{parameters.profile}.yaml")
        nbformat.write(notebook, copied)
        values = parameters.model_dump(exclude={"profile", "command", "make_files", "output_dir"})
        profile.write_text(json.dumps(values), encoding="utf-8")  # JSON is YAML too
        command = [sys.executable, "-m", "hwlib", "export", str(profile), "--out", str(out)]
        paths = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
        with subprocess.Popen(
            [*command, "--notebook", str(copied)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                print(line, end="", flush=True)
        return process.returncode == 0


def files_to_hand_in(parameters: Parameters, run: Path) -> Path:
    """Make what is handed in if ``make_files`` asks for it, below the folder of this run, and
    return the zip; otherwise say how it is made, and return the folder of the run.
    """
    if not parameters.make_files:
        if parameters.command == BY_HAND:
            print(HOW)
        return run
    try:
        install(missing_packages(export_requirements()))
    except SetupError as error:
        print(f"{error} {OTHERWISE}")
        return run
    out = (run / FOLDER).resolve()
    notebook, sentence = this_notebook()
    print(sentence)
    if copy_checkpoint(run, out):
        print("The training of the big cats goes on from its last epoch in this run.")
    done = run_export(parameters, notebook, out)
    return out / f"{stem_of(parameters.id1, parameters.id2)}.zip" if done else run
