"""Which of the files of a hand-in are the five of the homework: found by their kind and by what
their names say, whatever they are called.
"""

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from hwlib.common.project import ENDINGS, STEM
from hwlib.common.text import without_controls
from hwlib.grading.hand_ins import ID, HandIn, Member, Members

PICKLES = {".pkl", ".pth", ".pt", ".pickle", ".ckpt", ".bin"}
KINDS = {".ipynb": "notebook", ".pdf": "PDF", ".py": "class file"}
COPY = re.compile(r" ?\(\d+\)| - copy| copy", re.I)  # what browsers and systems add to a name
QUESTION = re.compile(r"(?<![a-z0-9])q(?:uestion)?[ _-]?([34])(?![0-9])", re.I)
DIGIT_TENSOR = b"W1"  # the name of a tensor stands in a pickle as it is


class Chosen(NamedTuple):
    """The files of the homework by their endings, as far as they are there; the IDs in their names;
    and what is to be said.
    """

    files: dict[str, Member]
    ids: tuple[str, ...]
    remarks: list[str]
    problems: list[str]


def rank(member: Member) -> tuple[bool, bool, int, int, str]:
    """Return what sorts the likeliest of several files of a kind to the front: one with the agreed
    stem, no copy, in no deep folder.
    """
    name = PurePosixPath(member.name)
    return (
        not STEM.match(name.name),
        bool(COPY.search(name.stem)),
        len(name.parts),
        len(name.name),
        member.name,
    )


def rank_code(member: Member) -> tuple[bool, tuple[bool, bool, int, int, str]]:
    """Return the same for class files, of which one should define a network."""
    return b"Module" not in member.content, rank(member)


def question_of(member: Member) -> str:
    """Return "3" or "4" if a pickle's name says whose it is, otherwise nothing."""
    found = QUESTION.findall(PurePosixPath(member.name).stem.replace("_", " "))
    return found[-1] if found else ""


def choose_pickles(candidates: list[Member]) -> dict[str, list[Member]]:
    """Return the pickles of both questions by their endings, the likeliest first: by their names,
    otherwise by the names of the tensors in them.
    """
    sorted_out: dict[str, list[Member]] = {"_Q3.pkl": [], "_Q4.pkl": []}
    for member in sorted(candidates, key=rank):
        question = question_of(member) or ("3" if DIGIT_TENSOR in member.content else "4")
        sorted_out[f"_Q{question}.pkl"].append(member)
    return sorted_out


def candidates_by_ending(members: list[Member]) -> dict[str, list[Member]]:
    """Return the files that may be each of the five, the likeliest first."""
    by_kind: dict[str, list[Member]] = {ending: [] for ending in KINDS}
    pickles = []
    for member in members:
        suffix = PurePosixPath(member.name).suffix.lower()
        if suffix in by_kind:
            by_kind[suffix].append(member)
        elif suffix in PICKLES:
            pickles.append(member)
    for ending, found in by_kind.items():
        found.sort(key=rank_code if ending == ".py" else rank)
    return by_kind | choose_pickles(pickles)


def find_ids(hand_in: HandIn, chosen: dict[str, Member], members: list[Member]) -> tuple[str, ...]:
    """Return the first two different IDs in the names of the chosen files, or of all files, or of
    the hand-in.
    """
    names = [member.base for member in chosen.values()] + [m.name for m in members]
    found = [number for name in (*names, hand_in.name) for number in ID.findall(name)]
    return tuple(dict.fromkeys(found))[:2]


def choose_files(hand_in: HandIn, members: Members) -> Chosen:
    """Return the files of the homework, and what is missing, ignored or named otherwise."""
    remarks, problems = list(members.remarks), list(members.problems)
    chosen: dict[str, Member] = {}
    used = set[str]()
    for ending, found in candidates_by_ending(members.files).items():
        if not found:
            kind = KINDS.get(ending, f"pickle of Question {ending[2:3]}")
            problems.append(f"The {kind} is missing.")
            continue
        chosen[ending] = found[0]
        others = [m for m in found[1:] if m.content != found[0].content]
        used.update(member.name for member in found)
        if others:
            names = ", ".join(member.base for member in others[:4])
            remarks.append(f"{found[0].base} was taken; {names} was not looked at.")
    ids = find_ids(hand_in, chosen, members.files)
    if len(ids) < 2:
        remarks.append("Its files do not carry the IDs of two students.")
    elif not all(STEM.match(member.base) for member in chosen.values()):
        remarks.append("Its files are not named as agreed, HW1_<ID1>_<ID2>.")
    if ignored := [member.base for member in members.files if member.name not in used]:
        rest = f" and {len(ignored) - 4} more" if len(ignored) > 4 else ""
        remarks.append(f"Not looked at: {', '.join(ignored[:4])}{rest}.")
    ordered = {ending: chosen[ending] for ending in ENDINGS if ending in chosen}
    shown = [without_controls(remark) for remark in remarks]
    return Chosen(ordered, ids, shown, [without_controls(problem) for problem in problems])
