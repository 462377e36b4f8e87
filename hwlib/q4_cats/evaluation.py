"""How good a trained classifier is, and where its parameters are (Question 4.I)."""

from copy import deepcopy
from statistics import NormalDist
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hwlib.common.history import History
from hwlib.common.images import ImageSet
from hwlib.q4_cats.cnn import BigCatsNet, count_parameters
from hwlib.q4_cats.training import TrainingResult, predict


def wilson_interval(correct: float, total: int) -> tuple[float, float]:
    """Return Wilson's 95% interval of a share (JASA 22, 1927), which is sound for few samples and
    near 0 or 1.
    """
    z = NormalDist().inv_cdf(0.975)
    share = correct / total
    centre = share + z * z / (2 * total)
    half = z * (share * (1 - share) / total + z * z / (4 * total**2)) ** 0.5
    low, high = (centre - half) / (1 + z * z / total), (centre + half) / (1 + z * z / total)
    return max(low, 0.0), min(high, 1.0)  # rounding may step over the ends


def percent_range(interval: tuple[float, float]) -> str:
    """Return an interval of fractions as text, in percent."""
    return f"{interval[0]:.1%} – {interval[1]:.1%}"


SPOTTED = {"AFRICAN LEOPARD", "CHEETAH", "CLOUDED LEOPARD", "JAGUAR", "OCELOT", "SNOW LEOPARD"}


class Score(NamedTuple):
    """A network's answers to a set of pictures: probabilities (N, K), labels (N,), number of right
    answers, 95% interval of their share, and the set's hash.
    """

    probabilities: Tensor
    labels: Tensor
    correct: int
    total: int
    interval: tuple[float, float]
    pictures: str = ""

    @property
    def accuracy(self) -> float:
        """The fraction of the pictures that are classified correctly."""
        return self.correct / self.total


def score_network(network: nn.Module, image_set: ImageSet) -> Score:
    """Classify every picture of the set and count the right answers."""
    probabilities = predict(network, image_set.images).softmax(dim=1)
    labels, total = image_set.labels.cpu(), len(image_set.labels)
    correct = int((probabilities.argmax(1) == labels).sum())
    interval = wilson_interval(correct, total)
    return Score(probabilities, labels, correct, total, interval, image_set.sha256())


def confusion_matrix(score: Score) -> Tensor:
    """Return counts (K, K): a row for each true class, a column for each predicted one."""
    num_classes = score.probabilities.shape[1]
    cells = score.labels * num_classes + score.probabilities.argmax(1)
    return torch.bincount(cells, minlength=num_classes**2).view(num_classes, num_classes)


def mistakes(score: Score) -> list[int]:
    """Return the indices of the wrongly classified pictures, the most confident mistake first."""
    confidence, predicted = score.probabilities.max(dim=1)
    wrong = (predicted != score.labels).nonzero().flatten()
    indices: list[int] = wrong[confidence[wrong].argsort(descending=True)].tolist()
    return indices


def mistakes_between_spotted(score: Score, class_names: list[str]) -> str:
    """Return in a sentence how many of the mistakes take one spotted cat for another."""
    answers = score.probabilities.argmax(dim=1)
    wrong = mistakes(score)
    pairs = [{class_names[score.labels[k]], class_names[answers[k]]} for k in wrong]
    if not pairs:
        return f"There is no mistake among the {score.total} pictures."
    both = sum(pair <= SPOTTED for pair in pairs)
    return (
        f"{both} of {len(wrong)} mistakes take one spotted cat for another. The figure shows the "
        "mistakes, each with the probability that the network gave to its wrong answer."
    )


@torch.no_grad()
def class_activation_maps(network: BigCatsNet, images: Tensor, classes: Tensor) -> Tensor:
    """Return where each picture, uint8 (N, 3, S, S), speaks for its class of ``classes`` (N,): the
    head's weights are applied at every position of the last feature map instead of to its average
    (Zhou et al., "Learning deep features for discriminative localization", 2016).

    The maps (N, S, S) are in logits; the mean over one is the class's logit less its bias.
    """
    weight = network.state_dict()["head.2.weight"]  # of the last layer, (K, C)
    features = network.eval().feature_map(images.to(weight.device).float() / 255)
    maps = torch.einsum("nc,nchw->nhw", weight[classes.to(weight.device)], features)
    return F.interpolate(maps.unsqueeze(1), images.shape[-2:], mode="bilinear").squeeze(1).cpu()


def curve_text(history: History) -> str:
    """Return in sentences what the validation curves did: last and best accuracy and loss."""
    loss, accuracy = history["validation_loss"], history["validation_accuracy"]
    lowest = min(loss)
    return (
        f"Validation accuracy: {accuracy[-1]:.1%} after the last epoch, whose weights are handed "
        f"in; {max(accuracy):.1%} at best. Validation loss: {loss[-1]:.3f} after the last epoch; "
        f"its lowest value is {lowest:.3f}, after epoch {loss.index(lowest) + 1}."
    )


def parameter_table(network: BigCatsNet, example: Tensor) -> pd.DataFrame:
    """Return the stages in order: output shape for one ``example`` (1, 3, H, W), weights, their
    share.
    """
    network = deepcopy(network).eval()  # the hooks go with the copy
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


def accuracy_table(network: nn.Module, validation: Score, test: Score) -> pd.DataFrame:
    """Return accuracy, right answers and interval on both sets, and the number of parameters."""
    rows = {
        name: {
            "accuracy": f"{score.accuracy:.1%}",
            "correct": f"{score.correct} of {score.total}",
            "95% interval": percent_range(score.interval),
            "parameters": f"{count_parameters(network):,}",
        }
        for name, score in (("validation", validation), ("test", test))
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def cnn_claims(
    network: nn.Module, trained: TrainingResult, validation: Score, test: Score
) -> dict[str, Any]:
    """Return what the homework claims of its network, for ``results.json``; ``best_epoch`` is the
    one whose weights are handed in, the last.
    """
    return {
        "parameters": count_parameters(network),
        "best_epoch": len(trained.history["validation_accuracy"]),
        "validation_accuracy": validation.accuracy,
        "test_accuracy": test.accuracy,
        "test_correct": test.correct,
        "test_total": test.total,
        "test_interval_95": list(test.interval),
        "test_pictures": test.pictures,
        "history": trained.history,
    }
