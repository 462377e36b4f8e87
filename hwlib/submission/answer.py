"""The judged side of scoring: what pickles hold, and what a class file's network answers.

``answer`` runs in the process that ``sandbox`` locks in. It gets two pickles, a class file and
pictures, but no labels, no paths and no names. It tells what the pickles hold before a line of the
student's runs, and then the logits. The judge reads its frames by ``read_answers``, which trusts
nothing: a frame is a kind, a length, and bytes that are numbers alone.
"""

import io
import json
import math
import struct
import sys
from contextlib import suppress
from types import ModuleType
from typing import Any, BinaryIO, NamedTuple

import torch
from torch import Tensor, nn

from hwlib.common.errors import HwlibError
from hwlib.submission.pickles import (
    MAX_TENSOR_BYTES,
    TYPES,
    PickledTensors,
    load_weights,
    type_name,
)

FRAME = struct.Struct("<4sQ")  # kind and number of bytes
REQUEST = struct.Struct("<4Q4QQ")  # the pictures' shape, the parts' lengths, any size
SHAPE = struct.Struct("<QQ")  # pictures and classes
TENSORS, REMARK, PROBLEM, LOGITS, SIZE = b"TENS", b"NOTE", b"FAIL", b"LOGI", b"SIZE"
MAX_REMARKS = 8

MAX_HEADER = 4 << 20  # bytes
MAX_DIMENSIONS = 16
MAX_CLASSES = 1000
BATCH = 50  # pictures
NUMBER_BYTES = 8
# Tried in this order if a class file does not say IMAGE_SIZE: a network that takes pictures of any
# size gets them as they are, one that ends in a layer of a fixed size takes one of them.
TRIED_SIZES = (
    224,
    64,
    128,
    96,
    160,
    192,
    256,
    112,
    32,
    48,
    80,
    100,
    120,
    144,
    150,
    180,
    200,
    227,
    299,
)


class FrameError(HwlibError):
    """A confined process answered with something else than was asked for."""


class Request(NamedTuple):
    """All that the judged process gets."""

    q3: bytes  # the pickles
    q4: bytes
    class_file: bytes
    pictures: Tensor  # (N, 3, H, W), uint8, in an order that only the judge knows
    any_size: bool = False  # whether other sizes are tried if the network does not take this one


class Answers(NamedTuple):
    """What came back; what a process could not tell before it ended says so."""

    q3: PickledTensors
    q4: PickledTensors
    logits: Tensor | None  # (N, num_classes), float32
    size: int | None = None  # in place of logits: the size of pictures that the network takes


def pack_request(request: Request) -> bytes:
    """Return the request as the bytes that ``answer`` reads."""
    pictures = request.pictures
    pixels = pictures.contiguous().numpy().tobytes()
    parts = (request.q3, request.q4, request.class_file, pixels)
    return b"".join((REQUEST.pack(*pictures.shape, *map(len, parts), request.any_size), *parts))


def unpack_request(source: BinaryIO) -> Request:
    """Return the request that ``pack_request`` wrote: the judge's own bytes, which are trusted."""
    numbers = REQUEST.unpack(source.read(REQUEST.size))
    q3, q4, class_file, pixels = (source.read(size) for size in numbers[4:8])
    pictures = torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(numbers[:4])
    return Request(q3, q4, class_file, pictures, bool(numbers[8]))


def pack_tensors(tensors: dict[str, Tensor]) -> bytes:
    """Return tensors as a JSON list of names, types and shapes, and their raw bytes."""
    entries = [(name, type_name(t), list(t.shape)) for name, t in tensors.items()]
    header = json.dumps(entries).encode()
    raw = (t.contiguous().view(-1).view(torch.uint8).numpy().tobytes() for t in tensors.values())
    return b"".join((struct.pack("<Q", len(header)), header, *raw))


def read_entry(entry: list[Any]) -> tuple[str, torch.dtype, list[int]]:
    """Return name, type and shape of a tensor as a hostile header gives them; ValueError if not."""
    name, kind, shape = entry
    if not (isinstance(name, str) and isinstance(kind, str) and kind in TYPES):
        raise ValueError("a tensor has no name, or no type that is known")
    if not (isinstance(shape, list) and len(shape) <= MAX_DIMENSIONS):
        raise ValueError("a tensor has no shape")
    if not all(type(size) is int and 0 <= size <= MAX_TENSOR_BYTES for size in shape):
        raise ValueError("a tensor has a size that cannot be")
    return name, TYPES[kind], shape


def unpack_tensors(content: bytes) -> dict[str, Tensor]:
    """Return the tensors of a frame; FrameError if its bytes are not exactly those it promises."""
    try:
        (length,) = struct.unpack_from("<Q", content)
        if length > MAX_HEADER:
            raise ValueError("its list is too long")
        tensors, position = {}, 8 + length
        for name, dtype, shape in map(read_entry, json.loads(content[8:position])):
            size = math.prod(shape) * dtype.itemsize
            part = bytearray(content[position : position + size])
            position += size
            if position > len(content) or name in tensors:
                raise ValueError("a tensor is too long, or there twice")
            flat = torch.frombuffer(part, dtype=dtype) if size else torch.empty(0, dtype=dtype)
            tensors[name] = flat.view(shape)
        if position != len(content):
            raise ValueError("more bytes follow")
    except (ValueError, TypeError, RecursionError, struct.error) as error:
        raise FrameError(f"The answer holds no list of tensors ({error}).") from error
    return tensors


def read_frame(stream: io.BytesIO, kinds: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """Return the next frame's kind and bytes; FrameError if it is incomplete or of another kind."""
    start = stream.read(FRAME.size)
    if not start:
        raise FrameError("The answer ends too early.")
    if len(start) < FRAME.size:
        raise FrameError("The answer is incomplete.")
    kind, size = FRAME.unpack(start)
    if kind not in kinds:
        raise FrameError("The answer is of another kind than what was asked for.")
    content = stream.read(min(size, MAX_TENSOR_BYTES + MAX_HEADER + 8))
    if len(content) != size:
        raise FrameError("The answer is incomplete, or longer than what was asked for.")
    return kind, content


def read_pickled(stream: io.BytesIO) -> PickledTensors:
    """Return what the next frame says that a pickle holds."""
    try:
        remarks: list[str] = []
        while True:
            kind, content = read_frame(stream, (TENSORS, PROBLEM, REMARK))
            if kind == TENSORS:
                return PickledTensors(unpack_tensors(content), remarks=tuple(remarks))
            if kind == PROBLEM or len(remarks) == MAX_REMARKS:
                return PickledTensors({}, content[:300].decode(errors="replace"))
            remarks.append(content[:300].decode(errors="replace"))
    except FrameError:
        return PickledTensors({}, "was not read to its end")


def read_pickles(content: bytes) -> Answers:
    """Return what a confined process told of the pickles, whatever it answered after that."""
    stream = io.BytesIO(content)
    return Answers(read_pickled(stream), read_pickled(stream), None)


def read_answers(content: bytes, pictures: int) -> Answers:
    """Return the answers of a confined process, as many as are there, for so many pictures.

    Raises:
        FrameError: the frame of logits is there, but is no float32 of a number of classes for
            each picture, or more bytes follow it.
    """
    stream = io.BytesIO(content)
    q3, q4 = read_pickled(stream), read_pickled(stream)
    if stream.tell() == len(content):
        return Answers(q3, q4, None)
    kind, frame = read_frame(stream, (LOGITS, SIZE))
    if stream.read(1):
        raise FrameError("The answer goes on after its end.")
    if kind == SIZE:
        size = int.from_bytes(frame, "little") if len(frame) == NUMBER_BYTES else 0
        if size not in TRIED_SIZES:
            raise FrameError("The answer names a size that was not asked for.")
        return Answers(q3, q4, None, size)
    if len(frame) < SHAPE.size:
        raise FrameError("The answer is incomplete.")
    rows, classes = SHAPE.unpack_from(frame)
    if rows != pictures or not 0 < classes <= MAX_CLASSES:
        raise FrameError(f"The network gives {rows} x {classes} logits for {pictures} pictures.")
    if len(frame) != SHAPE.size + 4 * rows * classes:
        raise FrameError("The answer has another length than it says.")
    logits = torch.frombuffer(bytearray(frame[SHAPE.size :]), dtype=torch.float32)
    return Answers(q3, q4, logits.view(rows, classes))


def write_frame(sink: BinaryIO, kind: bytes, *parts: bytes) -> None:
    """Write a frame, so that the judge has it whatever comes later."""
    sink.write(FRAME.pack(kind, sum(map(len, parts))))
    for part in parts:
        sink.write(part)
    sink.flush()


def write_weights(sink: BinaryIO, weights: PickledTensors) -> None:
    """Write what a pickle holds."""
    if weights.problem:
        write_frame(sink, PROBLEM, weights.problem.encode())
    else:
        for remark in weights.remarks:
            write_frame(sink, REMARK, remark.encode())
        write_frame(sink, TENSORS, pack_tensors(weights.tensors))


def import_class_file(content: bytes) -> ModuleType:
    """Return the class file as a module. From here on it is the student's code that runs."""
    module = ModuleType("class_file")
    sys.modules["class_file"] = module
    exec(compile(content, "class_file.py", "exec"), vars(module))  # noqa: S102 - locked in
    return module


def build_network(module: ModuleType, weights: dict[str, Tensor]) -> nn.Module:
    """Return the first network of the class file that takes the weights, in evaluation mode.

    Raises:
        SystemExit: none does; the message says why the one that comes nearest does not.
    """
    classes = (item for item in vars(module).values() if isinstance(item, type))
    nearest, reason = -1, "it defines no torch.nn.Module"
    for candidate in [item for item in classes if issubclass(item, nn.Module)]:
        common = -1
        try:
            network = candidate()
            common = len(weights.keys() & network.state_dict().keys())
            network.load_state_dict(weights)
            return network.eval()
        except Exception as error:  # a class may need arguments, or fail in any way
            if common > nearest or nearest < 0:
                message = " ".join(str(error).split())[:400]
                nearest, reason = common, f"{candidate.__name__}: {message}"
    raise SystemExit(f"The Q4 pickle fits no class of the class file ({reason}).")


def find_size(network: nn.Module) -> int | None:
    """Return the first of ``TRIED_SIZES`` that a network takes; None if it takes none."""
    for size in TRIED_SIZES:
        with suppress(Exception):  # a network may refuse a size in any way
            network(torch.zeros(2, 3, size, size))
            return size
    return None


def logits_of(network: nn.Module, pictures: Tensor) -> Tensor:
    """Return the logits of uint8 pictures (N, 3, H, W), (N, num_classes), as float32."""
    parts = [network(part.float() / 255) for part in pictures.split(BATCH)]
    return torch.cat(parts).float().contiguous()


@torch.no_grad()
def answer(source: BinaryIO, sink: BinaryIO) -> None:
    """Write what both pickles hold, then the logits (N, num_classes) of all pictures, or the size
    that they should have.
    """
    request = unpack_request(source)
    write_weights(sink, load_weights(request.q3))
    q4 = load_weights(request.q4)
    write_weights(sink, q4)
    if q4.problem or not request.class_file:
        return
    network = build_network(import_class_file(request.class_file), q4.tensors)
    try:
        logits = logits_of(network, request.pictures)
    except RuntimeError:
        if not request.any_size or (size := find_size(network)) is None:
            raise
        write_frame(sink, SIZE, size.to_bytes(NUMBER_BYTES, "little"))
        return
    rows, classes = logits.shape
    write_frame(sink, LOGITS, SHAPE.pack(rows, classes), logits.numpy().tobytes())
