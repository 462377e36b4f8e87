"""The state of a training, written to a file after every epoch: a kill at any moment loses no more
than one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from hwlib.common.files import replacing
from hwlib.common.history import History

Content = dict[str, Any]  # what a checkpoint holds, by name


@dataclass
class TrainingState:
    """All that decides how a training goes on after a whole number of epochs.

    ``replicas`` are the network and copies that share its weights, one for each part of a batch.
    Only the network is saved: the batch-norm statistics of the copies are never read. ``ensemble``
    is the running mean (N, K) of the probabilities that the network has given to every training
    picture. ``scaler`` scales the loss for float16; elsewhere it does nothing and has no state.
    """

    replicas: list[nn.Module]
    average: nn.Module
    optimizers: list[torch.optim.Optimizer]
    schedulers: list[LambdaLR]
    scaler: torch.amp.GradScaler
    ensemble: Tensor
    history: History

    @property
    def network(self) -> nn.Module:
        """The network that is trained."""
        return self.replicas[0]

    @property
    def finished(self) -> int:
        """Number of finished epochs."""
        return len(self.history["train_loss"])

    def content(self) -> Content:
        """Return what is saved: the state, and that of torch's random numbers."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "schedulers": [scheduler.state_dict() for scheduler in self.schedulers],
            "scaler": self.scaler.state_dict(),
            "ensemble": self.ensemble,
            "history": self.history,
            "random_state": torch.get_rng_state(),
        }

    def restore(self, content: Content) -> None:
        """Take over what ``content`` returned in another process."""
        torch.set_rng_state(content["random_state"])
        self.network.load_state_dict(content["network"])
        self.average.load_state_dict(content["average"])
        for name in ("optimizers", "schedulers"):
            for part, saved in zip(getattr(self, name), content[name], strict=True):
                part.load_state_dict(saved)
        if content["scaler"]:  # a training may move to a device that needs none, or needs one now
            self.scaler.load_state_dict(content["scaler"])
        self.ensemble.copy_(content["ensemble"])
        self.history = content["history"]


def layout(value: Any) -> Any:
    """Return ``value`` with types and shapes instead of numbers."""
    if isinstance(value, Tensor):
        return value.dtype, value.shape
    if isinstance(value, dict):
        return {name: layout(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [layout(part) for part in value]
    return type(value)


def expected_moments(
    optimizer: torch.optim.Optimizer, saved: Content
) -> dict[int, dict[str, Tensor]]:
    """Return tensors as ``saved`` must hold them, by the number of the weight: each has the shape
    of its weight, unless it counts steps.
    """
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    step = torch.tensor(0.0)
    return {
        index: {name: step if name == "step" else weights[index] for name in moments}
        for index, moments in saved["state"].items()
    }


def expected_layout(state: TrainingState, saved: Content) -> Any:
    """Return the layout of a checkpoint of ``state``'s training after as many epochs as ``saved``
    has figures of.
    """
    content, epochs = state.content(), len(saved["history"]["train_loss"])
    content["history"] = dict.fromkeys(state.history, [0.0] * epochs)
    content["scaler"] = torch.amp.GradScaler("cpu").state_dict() if saved["scaler"] else {}
    content["optimizers"] = [
        optimizer.state_dict() | {"state": expected_moments(optimizer, other)}
        for optimizer, other in zip(state.optimizers, saved["optimizers"], strict=True)
    ]
    return layout(content)


def save_checkpoint(state: TrainingState, key: str, path: Path) -> None:
    """Write the state: a kill leaves the old checkpoint or the new one. If it cannot be written,
    say so and keep the old one: a full disk must not end a training of many minutes.
    """
    try:
        with replacing(path) as unfinished:
            torch.save(state.content() | {"key": key}, unfinished)
    except (OSError, RuntimeError) as error:
        tqdm.write(f"{path} cannot be written ({error}); the training goes on without it.")


def load_checkpoint(state: TrainingState, key: str, path: Path) -> None:
    """Continue from ``path`` if it holds a checkpoint of this very training, whole in every part;
    otherwise leave ``state`` as it is. If the file is damaged, say so.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        if content.pop("key") != key:
            return
        if layout(content) != expected_layout(state, content):
            raise ValueError("a field is missing, or does not fit the training")
        state.restore(content)
    except FileNotFoundError:
        pass
    except Exception as error:  # a damaged file fails in many ways
        tqdm.write(f"{path} is damaged ({type(error).__name__}); the training starts anew.")
