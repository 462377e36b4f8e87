"""Scores the two pickles of a bundle. This is the judge: it knows the labels and counts the right
answers. Pickles and class file are read in a process that is locked in, and that knows no labels.
"""

import ast
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from hwlib.common import data
from hwlib.common.errors import HwlibError
from hwlib.common.images import ImageSet, class_key, load_image_set
from hwlib.common.runtime import split_folders
from hwlib.q3 import mlp
from hwlib.q3.activations import sigmoid
from hwlib.q4_cats import cnn
from hwlib.submission.answer import (
    TRIED_SIZES,
    Answers,
    FrameError,
    Request,
    pack_request,
    read_answers,
    read_pickles,
)
from hwlib.submission.bundle import BundleError
from hwlib.submission.containers import Limits
from hwlib.submission.pickles import PickledTensors
from hwlib.submission.report import CatScore, DigitScore
from hwlib.submission.sandbox import Level, available_level, run_confined

SHAPES = {"W1": (784, 128), "b1": (128,), "W2": (128, 10), "b2": (10,)}
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")  # of batch norm: not trained
ANSWER = "hwlib.submission.answer:answer"
TIME_LIMIT = 300.0  # seconds for both pickles
ANSWER_BYTES = 600 << 20
IMAGE_SIZES = range(16, 513)
NO_PICTURES = ImageSet(  # for a class file whose pictures cannot be read; it is not run
    torch.zeros(1, 3, 16, 16, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64), [], []
)
UNREADABLE_CODE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError)
NO_LOCK = (
    "Nothing on this machine can lock in what students wrote, so pickles and class file are not "
    "read. Use Linux with bubblewrap or Landlock, or Podman or Docker; SECURITY.md says more."
)
MOST_CLASSES = 100
MOST_CODE = 100_000  # bytes of a class file: weights belong into the pickle, where they are counted


class ScoreRequest(NamedTuple):
    """What is to be scored: where data are, which, a folder of pictures in place of the test set,
    and whether the class file is run even if nothing can lock it in.
    """

    data_dir: Path
    data_source: str
    big_cats: Path | None = None
    trust: bool = False
    seconds: float = TIME_LIMIT
    threads: int = os.cpu_count() or 1


class Answer(NamedTuple):
    """What was answered for a picture: its class and file name, the class that was chosen, and
    whether that is right.
    """

    picture: tuple[str, str]
    chosen: str
    right: bool


class Scores(NamedTuple):
    """Both scores, or the sentences that say why there are none; how the class file was run, and
    what had to be done for it.
    """

    q3: DigitScore | str
    q4: CatScore | str
    level: Level
    remarks: tuple[str, ...] = ()
    weights: dict[str, Tensor] = {}  # noqa: RUF012 - of the Q4 pickle, never changed
    answers: tuple[Answer, ...] = ()  # in the order of the pictures' names


def read_literal(class_file: bytes, name: str, default: object) -> object:
    """Return what a class file assigns to ``name`` on its outermost level as a literal; the last
    assignment counts. BundleError if it is no literal.
    """
    value = default
    try:
        body = ast.parse(class_file).body
    except UNREADABLE_CODE as error:
        raise BundleError(f"The class file cannot be read: {type(error).__name__}.") from error
    for node in (node for node in body if isinstance(node, ast.Assign)):
        if any(isinstance(target, ast.Name) and target.id == name for target in node.targets):
            try:
                value = ast.literal_eval(node.value)
            except UNREADABLE_CODE as error:
                raise BundleError(
                    f"The class file computes {name}; write it as a value."
                ) from error
    return value


def read_class_names(class_file: bytes) -> list[str]:
    """Return the classes in the order of the network's logits; BundleError if they are unusable."""
    names = read_literal(class_file, "CLASS_NAMES", cnn.CLASS_NAMES)
    listed = list(names) if isinstance(names, list | tuple) else []
    texts = all(isinstance(name, str) and len(name) < 100 for name in listed)
    if not (texts and 2 <= len(listed) <= MOST_CLASSES):
        raise BundleError("CLASS_NAMES in the class file is no list of names.")
    return listed


def read_image_size(class_file: bytes) -> int | None:
    """Return the side of the pictures that the network is given, None if the class file does not
    say it; BundleError if it is unusable.
    """
    size = read_literal(class_file, "IMAGE_SIZE", None)
    if size is None:
        return None
    if not isinstance(size, int) or size not in IMAGE_SIZES:
        raise BundleError(f"IMAGE_SIZE in the class file is {size!r}; it must be 16 to 512 pixels.")
    return size


def load_scored_pictures(class_file: bytes, request: ScoreRequest, size: int) -> ImageSet:
    """Return the pictures that Question 4 is scored on, ``size`` pixels wide and high."""
    return read_scored_pictures(tuple(read_class_names(class_file)), request, size)


@lru_cache(2)  # a worker that grades a class reads the pictures once for all that ask alike
def read_scored_pictures(names: tuple[str, ...], request: ScoreRequest, size: int) -> ImageSet:
    """Return the pictures that Question 4 is scored on, with their labels in the order of the
    names.
    """
    if request.big_cats:
        return load_image_set(request.big_cats, size, names, partial=True)
    with tempfile.TemporaryDirectory(prefix="hwlib-score-") as temporary:
        drawn = request.data_source == "real" or (request.data_dir / "sample").is_dir()
        folder = request.data_dir if drawn else Path(temporary)  # leave nothing in the data folder
        folder = data.locate("big_cats", folder, request.data_source)
        splits = split_folders(folder)
        return load_image_set(splits.get("test", folder / "test"), size, names, partial=True)


def readable_tensors(weights: PickledTensors, name: str) -> dict[str, Tensor]:
    """Return the tensors of a pickle; BundleError if it could not be read, or a value is not
    finite.
    """
    if weights.problem:
        raise BundleError(f"{name} {weights.problem}.")
    for key, value in weights.tensors.items():
        if not value.isfinite().all():
            raise BundleError(f"{name}: {key} holds values that are not finite.")
    return weights.tensors


def digit_tensors(weights: PickledTensors, name: str) -> dict[str, Tensor]:
    """Return the four tensors of the assignment, with biases of one row as vectors; BundleError if
    the pickle holds others.
    """
    tensors = readable_tensors(weights, name)
    if set(tensors) != set(SHAPES):
        held = ", ".join(sorted(tensors)[:6]) + ", ..." * (len(tensors) > 6)
        raise BundleError(f"{name} holds {held}; it must hold {', '.join(SHAPES)} and no more.")
    for key, shape in SHAPES.items():
        found = tensors[key].shape
        if found != shape and (len(shape) != 1 or tuple(found) not in ((1, *shape), (*shape, 1))):
            raise BundleError(f"{name}: {key} has the shape {tuple(found)}, not {shape}.")
        if not tensors[key].is_floating_point():
            raise BundleError(f"{name}: {key} is of type {tensors[key].dtype}.")
    return {key: tensors[key].reshape(shape).float() for key, shape in SHAPES.items()}


@lru_cache(1)
def load_digits(data_dir: Path, data_source: str) -> mlp.Digits:
    """Return MNIST, read once by a worker that grades a class."""
    return mlp.prepare_digits(*data.load_mnist(data_dir, data_source))


def score_q3(weights: PickledTensors, name: str, data_dir: Path, data_source: str) -> DigitScore:
    """Return the accuracy of the weights of Question 3 on MNIST's test digits; BundleError unless
    they are the four tensors of the assignment.
    """
    network = mlp.FullyConnectedNetwork(784, 10, 128, sigmoid, lr=0.0)
    for key, value in digit_tensors(weights, name).items():
        setattr(network, key, value)
    digits = load_digits(data_dir, data_source)
    _, accuracy = mlp.evaluate(network, digits.x_test, digits.y_test)
    return DigitScore(accuracy.item())


def count_trained(tensors: dict[str, Tensor]) -> int:
    """Return how many numbers of a state dict are trained: all but the statistics of batch norm."""
    return sum(t.numel() for name, t in tensors.items() if name.split(".")[-1] not in STATISTICS)


def score_q4(
    weights: PickledTensors, name: str, logits: Tensor | None, pictures: ImageSet
) -> CatScore:
    """Return the right answers among logits (N, K), which are in the order of the pictures. An
    answer with a value that is not finite is wrong.
    """
    tensors = readable_tensors(weights, name)
    if logits is None:
        raise BundleError("The class file gave no answers.")
    if logits.shape[1] != len(pictures.class_names):
        classes = len(pictures.class_names)
        raise BundleError(f"The network gives {logits.shape[1]} logits for {classes} classes.")
    is_right = (logits.argmax(1) == pictures.labels) & logits.isfinite().all(1)
    correct, total = int(is_right.sum()), len(pictures.labels)
    parameters = count_trained(tensors)
    return CatScore(correct / total, correct, total, parameters, pictures.sha256())


def list_answers(logits: Tensor, pictures: ImageSet) -> list[Answer]:
    """Return the answer for each picture, sorted by the pictures' names, which are the same for
    every class file, whatever its order of classes.
    """
    names = [class_key(name) for name in pictures.class_names]
    finite = logits.isfinite().all(1).tolist()
    rows = zip(pictures.paths, logits.argmax(1).tolist(), pictures.labels.tolist(), strict=True)
    return sorted(
        Answer((class_key(path.parent.name), path.name), names[chosen], ok and chosen == label)
        for ok, (path, chosen, label) in zip(finite, rows, strict=True)
    )


class Asked(NamedTuple):
    """What came back when a network was shown pictures: answers in the pictures' order, the level,
    and why there are no logits, if there are none.
    """

    answers: Answers
    level: Level
    reason: str


def ask(
    files: dict[str, bytes],
    class_file: bytes,
    pictures: ImageSet,
    request: ScoreRequest,
    any_size: bool,
) -> Asked:
    """Show the pictures to the network that two pickles and a class file make.

    They are shown in an order that is drawn anew each time, so that an answer by position is an
    answer by chance.
    """
    limits = Limits(seconds=request.seconds, output=ANSWER_BYTES, threads=request.threads)
    shuffled = torch.randperm(len(pictures.labels), generator=random_generator())
    parts = (files["_Q3.pkl"], files["_Q4.pkl"], class_file)
    packed = pack_request(Request(*parts, pictures.images[shuffled], any_size))
    outcome = run_confined(ANSWER, packed, limits, trust=request.trust)
    told = outcome.reason.rstrip(".")
    reason = f"The class file {told}." if told else ""
    try:
        answers = read_answers(outcome.output, len(shuffled))
    except FrameError as error:  # the logits are wrong; what the pickles hold was told before
        answers, reason = read_pickles(outcome.output), str(error)
    if answers.logits is not None:
        logits = torch.empty_like(answers.logits)
        logits[shuffled] = answers.logits
        answers = answers._replace(logits=logits)
    return Asked(answers, outcome.level, reason)


def ask_in_a_size_that_fits(
    files: dict[str, bytes], request: ScoreRequest
) -> tuple[Asked, ImageSet, list[str]]:
    """Return what came back, the pictures that were shown, and what had to be done for it. If the
    pictures cannot be read, the class file is not run, and the pickles are read all the same.
    """
    class_file = files[".py"]
    try:
        if len(class_file) > MOST_CODE:
            raise BundleError(f"The class file is larger than {MOST_CODE // 1000} kB.")
        said = read_image_size(class_file)
        pictures = load_scored_pictures(class_file, request, said or TRIED_SIZES[0])
        asked = ask(files, class_file, pictures, request, any_size=said is None)
        size = asked.answers.size
        if said is not None or size is None:
            return asked, pictures, []
        pictures = load_scored_pictures(class_file, request, size)
        asked = ask(files, class_file, pictures, request, any_size=False)
        return asked, pictures, [f"IMAGE_SIZE is not in the class file; {size} pixels fit."]
    except HwlibError as error:
        asked = ask(files, b"", NO_PICTURES, request, any_size=False)
        return asked._replace(reason=str(error)), NO_PICTURES, []


def score(files: dict[str, bytes], request: ScoreRequest) -> Scores:
    """Return both scores of a bundle's files by their endings; without a lock there are none."""
    if not (available_level().confined or request.trust):
        return Scores(NO_LOCK, NO_LOCK, Level())
    (answers, level, reason), pictures, remarks = ask_in_a_size_that_fits(files, request)
    q3: DigitScore | str
    q4: CatScore | str
    try:
        q3 = score_q3(answers.q3, "The Q3 pickle", request.data_dir, request.data_source)
    except HwlibError as error:
        q3 = str(error)
    try:
        if reason and not answers.q4.problem:
            raise BundleError(reason)
        q4 = score_q4(answers.q4, "The Q4 pickle", answers.logits, pictures)
    except HwlibError as error:
        q4 = str(error)
    for name, pickled in (("Q3", answers.q3), ("Q4", answers.q4)):
        remarks += [f"The {name} pickle {remark}." for remark in pickled.remarks]
    listed: list[Answer] = []
    if isinstance(q4, CatScore) and answers.logits is not None:
        listed = list_answers(answers.logits, pictures)
    return Scores(q3, q4, level, tuple(remarks), answers.q4.tensors, tuple(listed))


def random_generator() -> torch.Generator:
    """Return a generator whose numbers nobody can foretell."""
    generator = torch.Generator()
    generator.seed()
    return generator
