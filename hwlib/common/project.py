"""What the whole project agrees on: questions, files, IDs. Needs the standard library alone."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the folder that holds hwlib: checkout, site-packages
NOTEBOOK_NAME = "HW1_ID1_ID2.ipynb"
HOMEWORK = ROOT if (ROOT / NOTEBOOK_NAME).is_file() else Path.cwd()  # the latter without a checkout
NOTEBOOK = HOMEWORK / NOTEBOOK_NAME
PROFILES = HOMEWORK / "params"

QUESTIONS = ("q1", "q2", "q3", "q4")  # the tags of their cells, in the notebook's order
DATA = {"q3": ("MNIST/raw",), "q4": ("big_cats", "birds", "dogs")}  # folders that a question reads
SPLITS = ("train", "valid", "test")  # of the big cats

PLACEHOLDERS = ("ID1", "ID2")  # stand for the numbers of two students who have not said them
ID_PATTERNS = tuple(f"{name}|[0-9]{{9}}" for name in PLACEHOLDERS)
STEM = re.compile("HW1_({})_({})".format(*ID_PATTERNS))
ENDINGS = (".ipynb", ".pdf", ".py", "_Q3.pkl", "_Q4.pkl")  # of the files in the zip, in its order
ENDING_OF = {"q3": ("_Q3.pkl",), "q4": ("_Q4.pkl", ".py")}  # what one question alone makes
RESULTS = "results.json"
CHECKPOINT = "cnn_checkpoint.pt"  # of the big cats' training, beside its weights
UNFINISHED = ".partial"  # the folder of an export's files that have not got their final names

BY_HAND = "none: run cell by cell, or by papermill"  # stands for the command of such a run
LOCATIONS = ("data_dir", "output_dir")  # parameters that say where files are
WITHOUT_EFFECT = (*LOCATIONS, "make_files", "command")  # parameters that change no figure


def stem_of(id1: str, id2: str) -> str:
    """Return ``HW1_<ID1>_<ID2>``, with which the name of every file begins."""
    return f"HW1_{id1}_{id2}"
