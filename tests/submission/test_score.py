"""The scores of both pickles, counted by the judge."""

import pickle
from pathlib import Path

import pytest
import torch
from submission.bundles import Malicious, saved
from support import ROOT

from hwlib.common import data
from hwlib.common.images import ImageSet
from hwlib.q4_cats import cnn
from hwlib.submission import score
from hwlib.submission.answer import PickledTensors, load_weights
from hwlib.submission.bundle import BundleError
from hwlib.submission.report import CatScore, DigitScore
from hwlib.submission.sandbox import Level, available_level

BASE = {name: torch.zeros(shape) for name, shape in score.SHAPES.items()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (saved(BASE)[:5000], "damaged"),
        (saved([1]), "not a dictionary"),
        (saved({"W1": torch.zeros(2, 2)}), "holds W1; it must hold W1, b1, W2, b2"),
        (saved(BASE | {"W1": torch.zeros(128, 784)}), r"W1 has the shape \(128, 784\)"),
        (saved(BASE | {"b1": torch.zeros(1).expand(10**12)}), "more than 512 MiB"),
        (saved(BASE | {"W1": torch.zeros(784, 128).long()}), "W1 is of type torch.int64"),
        (saved(BASE | {"b2": torch.zeros(10, device="meta")}), "'b2', which is no plain tensor"),
        (saved(BASE | {"b2": torch.full((10,), torch.nan)}), "not finite"),
    ],
)
def test_pickles_must_hold_finite_tensors_of_the_right_shapes(content, message):
    with pytest.raises(BundleError, match=message):
        score.score_q3(load_weights(content), "The Q3 pickle", Path("data"), "sample")


def test_a_malicious_pickle_does_nothing(tmp_path):
    marker = tmp_path / "marker"
    for content in (
        pickle.dumps(Malicious(marker), protocol=2),
        saved({"W1": Malicious(marker)}),
    ):
        assert "not loaded" in load_weights(content).problem
    assert not marker.exists()
    pickle.loads(pickle.dumps(Malicious(marker)))
    assert marker.exists()  # otherwise the attempts would prove nothing


def test_pickles_of_another_precision_are_scored():
    doubled = {name: value.double() for name, value in BASE.items()}
    scored = score.score_q3(load_weights(saved(doubled)), "Q3", Path("data"), "sample")
    assert scored.test_accuracy == pytest.approx(0.1, abs=0.03)  # all classes are equally probable


def test_right_answers_are_counted_by_the_judge_and_parameters_in_the_pickle():
    pictures = ImageSet(
        torch.zeros(3, 3, 8, 8, dtype=torch.uint8), torch.arange(3), [], list("abc")
    )
    tensors = {
        "layer.weight": torch.zeros(4, 5),
        "norm.running_mean": torch.zeros(7),
        "norm.num_batches_tracked": torch.tensor(1),
    }
    logits = torch.eye(3)[[0, 1, 1]]
    found = score.score_q4(PickledTensors(tensors), "Q4", logits, pictures)
    assert (found.correct, found.total, found.parameters) == (2, 3, 20)
    undecided = logits.clone()
    undecided[0, 2] = torch.nan
    assert score.score_q4(PickledTensors(tensors), "Q4", undecided, pictures).correct == 1
    for wrong, message in (
        (logits[:, :2], "2 logits for 3 classes"),
        (None, "no answers"),
    ):
        with pytest.raises(BundleError, match=message):
            score.score_q4(PickledTensors(tensors), "Q4", wrong, pictures)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"IMAGE_SIZE = 10**9", "computes IMAGE_SIZE"),
        (b"IMAGE_SIZE = 100000", "16 to 512"),
        (b"IMAGE_SIZE = '64'", "16 to 512"),
        (b"CLASS_NAMES = list(range(3))", "computes CLASS_NAMES"),
        (b"CLASS_NAMES = ['a']", "no list of names"),
        (b"CLASS_NAMES = {'a': 1}", "no list of names"),
        (b"CLASS_NAMES = [", "cannot be read: SyntaxError"),
        (b"x = " + b"-" * 100_000 + b"1", "cannot be read"),
    ],
)
def test_what_a_class_file_says_of_pictures_is_read_as_values_and_bounded(source, message):
    with pytest.raises(BundleError, match=message):
        request = score.ScoreRequest(Path("data"), "sample")
        score.load_scored_pictures(source, request, score.read_image_size(source))


BY_POSITION = b"""
import torch
from torch import nn

CLASS_NAMES = %r

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(5))
        self.seen = 0

    def forward(self, x):
        labels = (self.seen + torch.arange(len(x))) // 5
        self.seen += len(x)
        return nn.functional.one_hot(labels, 10).float()
"""


def test_an_answer_by_position_is_an_answer_by_chance(sample):
    """The sample's test set holds five pictures of each class, sorted."""
    files = {
        ".py": BY_POSITION % cnn.CLASS_NAMES,
        "_Q3.pkl": saved(BASE),
        "_Q4.pkl": saved({"w": torch.zeros(5)}),
    }
    request = score.ScoreRequest(ROOT / "data", "sample", trust=True)
    q3, q4, level, *_ = score.score(files, request)
    assert isinstance(q3, DigitScore) and isinstance(q4, CatScore)
    assert q4.total == 50 and q4.correct < 25 and q4.parameters == 5 and str(level)


def test_nothing_is_drawn_into_a_grader_s_data_folder(sample, tmp_path, monkeypatch):
    drawn_into = []

    def locate(name, folder, source):
        drawn_into.append(folder)
        return sample / name

    monkeypatch.setattr(data, "locate", locate)
    score.load_scored_pictures(b"", score.ScoreRequest(tmp_path, "sample"), 16)
    (tmp_path / "sample").mkdir()
    score.read_scored_pictures.cache_clear()  # a worker would not read them again
    score.load_scored_pictures(b"", score.ScoreRequest(tmp_path, "sample"), 16)
    assert drawn_into[0] not in (tmp_path, ROOT) and drawn_into[1] == tmp_path


def test_wrong_logits_cost_neither_the_score_of_question_3_nor_the_level(sample):
    """One row too few for the pictures, as a network that leaves some out gives."""
    class_file = (BY_POSITION % cnn.CLASS_NAMES).replace(b"10).float()", b"10).float()[1:]")
    files = {".py": class_file, "_Q3.pkl": saved(BASE), "_Q4.pkl": saved({"w": torch.zeros(5)})}
    request = score.ScoreRequest(ROOT / "data", "sample", trust=True)
    q3, q4, level, *_ = score.score(files, request)
    assert isinstance(q3, DigitScore) and level == available_level()
    assert "49 x 10 logits for 50 pictures" in q4


def test_without_a_lock_the_reason_is_said_of_both_questions(monkeypatch):
    monkeypatch.setattr(score, "available_level", Level)
    files = {".py": b"", "_Q3.pkl": saved(BASE), "_Q4.pkl": saved({"w": torch.zeros(5)})}
    q3, q4, level, *_ = score.score(files, score.ScoreRequest(ROOT / "data", "sample"))
    assert q3 == q4 == score.NO_LOCK and not level.confined


def test_pictures_that_cannot_be_read_do_not_cost_the_score_of_question_3():
    files = {
        ".py": b"IMAGE_SIZE = 9",
        "_Q3.pkl": saved(BASE),
        "_Q4.pkl": saved({"w": torch.zeros(5)}),
    }
    request = score.ScoreRequest(ROOT / "data", "sample", trust=True)
    q3, q4, *_ = score.score(files, request)
    assert isinstance(q3, DigitScore) and "16 to 512" in q4
