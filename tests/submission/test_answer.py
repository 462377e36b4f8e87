"""What the judged process answers, and how little of that the judge believes."""

import io
import json
import pickle
import struct

import pytest
import torch
from torch import nn

from hwlib.submission import answer, containers, sandbox
from hwlib.submission.answer import FRAME, LOGITS, SHAPE, TENSORS, FrameError, Request

CLASS_FILE = """
import torch
from torch import nn

class Part(nn.Module):
    def __init__(self, size):
        super().__init__()

class Net(nn.Module):
    def __init__(self, num_classes=10):
        super().__init__()
        self.linear = nn.Linear(3, num_classes)

    def forward(self, x):
        print("seen", len(x), x.max().item() <= 1)
        return self.linear(x.mean(dim=(2, 3)))
"""
SHAPES = [(), (0,), (3,), (2, 0, 5), (2, 3, 4)]


def pickled(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {"linear.weight": torch.randn(10, 3), "linear.bias": torch.randn(10)}


@pytest.fixture
def request_of(weights):
    """Make a request with other parts than the usual ones."""
    pictures = torch.arange(7 * 3 * 4 * 4).remainder(256).to(torch.uint8).view(7, 3, 4, 4)
    usual = Request(pickled({"W1": torch.ones(2)}), pickled(weights), CLASS_FILE.encode(), pictures)
    return usual._replace


def answered(request: Request) -> bytes:
    """What ``answer`` writes, in this process."""
    sink = io.BytesIO()
    answer.answer(io.BytesIO(answer.pack_request(request)), sink)
    return sink.getvalue()


def expected_logits(request: Request, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    means = (request.pictures.double() / 255).mean(dim=(2, 3)).float()
    return means @ weights["linear.weight"].T + weights["linear.bias"]


def frame(kind: bytes, content: bytes) -> bytes:
    return FRAME.pack(kind, len(content)) + content


def logits_frame(rows: int, classes: int, numbers: int) -> bytes:
    return frame(LOGITS, SHAPE.pack(rows, classes) + bytes(4 * numbers))


NOTHING = frame(TENSORS, answer.pack_tensors({}))


def test_weights_and_logits_come_back(request_of, weights):
    request = request_of()
    answers = answer.read_answers(answered(request), 7)
    assert (answers.q3.problem, answers.q4.problem) == ("", "")
    torch.testing.assert_close(answers.q3.tensors, {"W1": torch.ones(2)}, rtol=0, atol=0)
    torch.testing.assert_close(answers.q4.tensors, weights, rtol=0, atol=0)
    torch.testing.assert_close(answers.logits, expected_logits(request, weights))


def test_pictures_go_in_batches(request_of, monkeypatch, capsys):
    monkeypatch.setattr(answer, "BATCH", 3)
    answered(request_of())
    assert capsys.readouterr().out.splitlines() == ["seen 3 True", "seen 3 True", "seen 1 True"]


@pytest.mark.parametrize("name", answer.TYPES)
def test_tensors_of_every_type_survive(name):
    values = torch.tensor([0, 1, 2, 3, 1, 0]).to(answer.TYPES[name])
    tensors = {f"{shape}": values.new_ones(shape) for shape in SHAPES} | {"values": values[::2]}
    back = answer.unpack_tensors(answer.pack_tensors(tensors))
    assert list(back) == list(tensors)
    torch.testing.assert_close(back, tensors, rtol=0, atol=0)


def test_numbers_that_are_not_finite_come_back_as_they_are():
    content = frame(LOGITS, SHAPE.pack(1, 2) + struct.pack("<2f", float("nan"), float("inf")))
    logits = answer.read_answers(NOTHING * 2 + content, 1).logits
    assert str(logits.tolist()) == "[[nan, inf]]"


def listed(entries: object, numbers: bytes = b"") -> bytes:
    header = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(header)) + header + numbers


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        struct.pack("<Q", 2**63),
        listed(b"not JSON"),
        listed(b"[" * 100_000),
        listed(b"\xff\xfe"),
        listed(5),
        listed([["w", "float32"]]),
        listed([[5, "float32", [1]]], bytes(4)),
        listed([["w", "complex64", [1]]], bytes(8)),
        listed([["w", ["float32"], [1]]], bytes(4)),
        listed([["w", "float32", [-1]]], bytes(4)),
        listed([["w", "float32", [1.0]]], bytes(4)),
        listed([["w", "float32", [True]]], bytes(4)),
        listed([["w", "float32", [10**30, 0]]]),
        listed([["w", "float32", [1] * 100]], bytes(4)),
        listed([["w", "float32", [2]]], bytes(4)),
        listed([["w", "float32", [2**29, 2**29]]], bytes(4)),
        listed([["w", "float32", [1]]], bytes(5)),
        listed([["w", "float32", [1]], ["w", "float32", [1]]], bytes(8)),
        listed({"w": 1}),
    ],
)
def test_lists_of_tensors_that_lie_are_refused(content):
    with pytest.raises(FrameError, match="holds no list of tensors"):
        answer.unpack_tensors(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"x", "is incomplete"),
        (frame(b"PICK", pickle.dumps(5)), "of another kind"),
        (NOTHING, "of another kind"),
        (logits_frame(7, 10, 70)[:-1], "is incomplete"),
        (logits_frame(7, 10, 70) + b"\n", "goes on after its end"),
        (logits_frame(7, 10, 69), "another length"),
        (logits_frame(7, 10, 71), "another length"),
        (logits_frame(6, 10, 60), "gives 6 x 10 logits for 7 pictures"),
        (logits_frame(7, 0, 0), "gives 7 x 0 logits"),
        (logits_frame(7, 2**62, 0), "logits for 7 pictures"),
        (frame(LOGITS, b"1234"), "is incomplete"),
        (FRAME.pack(LOGITS, 2**64 - 1), "is incomplete"),
    ],
)
def test_logits_that_are_something_else_are_refused(content, reason):
    with pytest.raises(FrameError, match=reason):
        answer.read_answers(NOTHING * 2 + content, 7)


def test_what_a_process_told_before_it_ended_counts(request_of, weights):
    content = answered(request_of())
    for end in (0, 5, 30):
        answers = answer.read_answers(content[:end], 7)
        assert answers.q3.problem == answers.q4.problem == "was not read to its end"
        assert answers.logits is None
    first = len(frame(TENSORS, answer.pack_tensors({"W1": torch.ones(2)})))
    answers = answer.read_answers(content[:first], 7)
    assert answers.q3.tensors.keys() == {"W1"}
    assert answers.q4.problem == "was not read to its end"


class Reduced:
    def __reduce__(self):
        return print, ("loaded",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"no pickle", "is no file of torch's and was not loaded"),
        (b"", "is empty"),
        (pickled({"w": torch.ones(2)})[:-30], "is damaged and cannot be read"),
        (pickled({"w": Reduced()}), "holds more than tensors and was not loaded; save the weights"),
        (
            pickle.dumps({"w": torch.ones(2)}),
            "was not written by torch and was not loaded",
        ),
        (pickled([torch.ones(2)]), "is not a dictionary of tensors"),
        (pickled({"w": 1.0}), "is not a dictionary of tensors"),
        (pickled({1: torch.ones(2)}), "is not a dictionary of tensors"),
        (pickled({"w": torch.ones(2, dtype=torch.complex64)}), "holds 'w', which is no plain"),
        (pickled({"w": torch.ones(2).to_sparse()}), "holds 'w', which is no plain"),
        (pickled({"w": torch.ones(1).expand(2**28)}), "holds more than 512 MiB of tensors"),
    ],
)
def test_other_pickles_are_told_as_a_problem(content, problem, request_of, capsys):
    q3, q4, logits, _ = answer.read_answers(answered(request_of(q4=content)), 7)
    assert q3.tensors.keys() == {"W1"}
    assert q4.problem.startswith(problem)
    assert (q4.tensors, logits, capsys.readouterr().out) == ({}, None, "")


def test_parameters_are_tensors(weights):
    parameters = {name: nn.Parameter(value) for name, value in weights.items()}
    loaded = answer.load_weights(pickled(parameters))
    torch.testing.assert_close(loaded.tensors, weights, rtol=0, atol=0)
    assert {type(value) for value in loaded.tensors.values()} == {torch.Tensor}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("class Net(nn.Module)", "class Net"), "Part: .* missing 1 required .*'size'"),
        (("self.linear", "self.dense"), "Net: .*Missing key.*dense.weight"),
        (("nn.Linear(3, ", "nn.Linear(4, "), r"Net: .*size mismatch for linear.weight"),
        ((CLASS_FILE, "CLASS_NAMES = []"), "defines no torch.nn.Module"),
    ],
)
def test_a_class_that_does_not_fit_is_told_why(change, reason, request_of):
    source = CLASS_FILE.replace(*change).encode()
    with pytest.raises(SystemExit, match=f"fits no class of the class file.*{reason}"):
        answered(request_of(class_file=source))


def confined(request: Request) -> tuple[sandbox.Outcome, answer.Answers]:
    limits = containers.Limits(seconds=120, threads=2)
    data = answer.pack_request(request)
    outcome = sandbox.run_confined("hwlib.submission.answer:answer", data, limits)
    return outcome, answer.read_answers(outcome.output, len(request.pictures))


pytest_locked = pytest.mark.skipif(
    not sandbox.available_level().confined, reason="nothing locks a process in here"
)


@pytest_locked
def test_a_network_is_asked_in_the_sandbox(request_of, weights):
    source = f"{CLASS_FILE}\nprint(torch.get_num_threads(), 'threads')\n"
    request = request_of(class_file=source.encode())
    outcome, answers = confined(request)
    assert (outcome.reason, outcome.messages) == ("", "2 threads\nseen 7 True\n")
    torch.testing.assert_close(answers.logits, expected_logits(request, weights))


@pytest_locked
def test_a_class_file_changes_nothing_that_was_told_before(request_of, weights, tmp_path):
    marker = tmp_path / "marker"
    code = f"""
torch.os.system("touch {marker}")
torch.sys.stdout.write("{{}}\\x1b[2J")
def lie(*_): raise RuntimeError("no\\x1b[31m")
torch.load = torch.cat = torch.Tensor.float = lie
answer = torch.sys.modules["hwlib.submission.answer"]
answer.write_weights = answer.write_frame = lie
"""
    outcome, answers = confined(request_of(class_file=(CLASS_FILE + code).encode()))
    torch.testing.assert_close(answers.q4.tensors, weights, rtol=0, atol=0)
    assert answers.logits is None
    assert outcome.reason == "failed: RuntimeError: no\ufffd[31m"
    assert not marker.exists()
