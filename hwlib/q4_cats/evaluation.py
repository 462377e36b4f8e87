"""What a trained classifier is worth, and where its parameters are (Question 4.I)."""

from copy import deepcopy
from statistics import NormalDist
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hwlib.common.images import ImageSet
from hwlib.q4_cats.cnn import BigCatsNet, count_parameters
from hwlib.q4_cats.training import TrainingResult, predict


def wilson_interval(correct: float, total: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share (JASA 22, 1927): sound for few samples and near 0 or 1."""
    z = NormalDist().inv_cdf(0.975)
    share = correct / total
    centre = share + z * z / (2 * total)
    half = z * (share * (1 - share) / total + z * z / (4 * total**2)) ** 0.5
    low, high = (centre - half) / (1 + z * z / total), (centre + half) / (1 + z * z / total)
    return max(low, 0.0), min(high, 1.0)  # rounding may step over the ends


def percent_range(interval: tuple[float, float]) -> str:
    """An interval of fractions for people."""
    return f"{interval[0]:.1%} – {interval[1]:.1%}"


SPOTTED = {"AFRICAN LEOPARD", "CHEETAH", "CLOUDED LEOPARD", "JAGUAR", "OCELOT", "SNOW LEOPARD"}


class Score(NamedTuple):
    """Answers on one set: probabilities (N, K), labels (N,), right ones, their 95% interval, and
    the set's hash.
    """

    probabilities: Tensor
    labels: Tensor
    correct: int
    total: int
    interval: tuple[float, float]
    pictures: str = ""

    @property
    def accuracy(self) -> float:
        """Fraction of the pictures classified correctly."""
        return self.correct / self.total


def score(network: nn.Module, image_set: ImageSet) -> Score:
    """Classify every picture of the set."""
    probabilities = predict(network, image_set.images).softmax(dim=1)
    labels, total = image_set.labels.cpu(), len(image_set.labels)
    correct = int((probabilities.argmax(1) == labels).sum())
    interval = wilson_interval(correct, total)
    return Score(probabilities, labels, correct, total, interval, image_set.sha256())


def confusion_matrix(result: Score) -> Tensor:
    """Counts (K, K): row the true class, column the predicted one."""
    num_classes = result.probabilities.shape[1]
    cells = result.labels * num_classes + result.probabilities.argmax(1)
    return torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)


def mistakes(result: Score) -> list[int]:
    """Indices of the wrongly classified pictures, the most confident mistake first."""
    confidence, predicted = result.probabilities.max(dim=1)
    wrong = (predicted != result.labels).nonzero().flatten()
    return wrong[confidence[wrong].argsort(descending=True)].tolist()


def between_spotted(result: Score, class_names: list[str]) -> str:
    """How many of the mistakes take one spotted cat for another, as a sentence."""
    answers = result.probabilities.argmax(dim=1)
    wrong = mistakes(result)
    pairs = [{class_names[result.labels[k]], class_names[answers[k]]} for k in wrong]
    if not pairs:
        return "No mistake, so none between spotted cats."
    both = sum(pair <= SPOTTED for pair in pairs)
    return f"{both} of {len(wrong)} mistakes take one spotted cat for another."


@torch.no_grad()
def class_activation_maps(network: BigCatsNet, images: Tensor, classes: Tensor) -> Tensor:
    """Where each picture, uint8 (N, 3, S, S), speaks for its class of ``classes`` (N,): the head's
    weights applied at every place of the last feature map instead of to its average (Zhou et al.,
    "Learning deep features for discriminative localization", 2016).

    Maps (N, S, S) in logits; the mean over one is the class's logit less its bias.
    """
    features = network.eval().feature_map(images.float() / 255)
    weight = network.state_dict()["head.2.weight"]  # of the last layer, (K, C)
    maps = torch.einsum("nc,nchw->nhw", weight[classes], features)
    return F.interpolate(maps.unsqueeze(1), images.shape[-2:], mode="bilinear").squeeze(1)


def parameter_table(network: BigCatsNet, example: Tensor) -> pd.DataFrame:
    """Stages in order: output shape for one ``example`` (1, 3, H, W), weights, their share."""
    network = deepcopy(network).eval()  # the hooks are gone with the copy
    stages, shapes = dict(network.named_children()), {}
    for stage in stages.values():
        stage.register_forward_hook(lambda stage, _, y: shapes.update({stage: y.shape[1:]}))
    with torch.no_grad():
        network.head(network.feature_map(example))
    counts = pd.Series({name: count_parameters(stage) for name, stage in stages.items()})
    counts["sum"] = counts.sum()
    table = {
        "output": [" × ".join(map(str, shapes[stage])) for stage in stages.values()] + [""],
        "parameters": counts.map("{:,}".format),
        "share": (counts / counts["sum"]).map("{:.1%}".format),
    }
    return pd.DataFrame(table)


def summary(network: nn.Module, validation: Score, test: Score) -> pd.DataFrame:
    """The figures that count: parameters, and right answers with intervals on both sets."""
    rows = {
        name: {
            "accuracy": f"{result.accuracy:.1%}",
            "correct": f"{result.correct} of {result.total}",
            "95% interval": percent_range(result.interval),
            "parameters": f"{count_parameters(network):,}",
        }
        for name, result in (("validation", validation), ("test", test))
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def claims(
    network: nn.Module, trained: TrainingResult, validation: Score, test: Score
) -> dict[str, Any]:
    """What the homework claims of its network, as data."""
    return {
        "parameters": count_parameters(network),
        "best_epoch": trained.best_epoch,
        "validation_accuracy": validation.accuracy,
        "test_accuracy": test.accuracy,
        "test_correct": test.correct,
        "test_total": test.total,
        "test_interval_95": list(test.interval),
        "test_pictures": test.pictures,
        "history": trained.history,
    }
