"""The state of a training, kept after every epoch: a kill at any moment loses no more than one."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

History = dict[str, list[float]]


@dataclass
class TrainingState:
    """What a checkpoint holds: the state after a whole number of epochs.

    ``replicas`` are the network and copies that share its weights, one for each part of a batch.
    Only the network is kept: the batch-norm statistics that a copy adds up are never read.
    ``ensemble`` is the running mean (N, K) of the probabilities that the network has given to every
    training picture.
    """

    replicas: list[nn.Module]
    average: nn.Module
    optimizers: list[torch.optim.Optimizer]
    ensemble: Tensor
    history: History
    best_epoch: int = 0
    best_state: dict[str, Tensor] = field(default_factory=dict)

    @property
    def network(self) -> nn.Module:
        """What is trained."""
        return self.replicas[0]

    @property
    def finished(self) -> int:
        """Number of finished epochs."""
        return len(self.history["train_loss"])


def save_checkpoint(state: TrainingState, key: str, path: Path) -> None:
    """Write the whole state under a temporary name, then rename: a kill leaves the old checkpoint
    or the new one. Where it cannot be written, that is said and the old one stays.
    """
    content = {
        "key": key,
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizers": [optimizer.state_dict() for optimizer in state.optimizers],
        "ensemble": state.ensemble,
        "history": state.history,
        "best_epoch": state.best_epoch,
        "best_state": state.best_state,
        "random_state": torch.get_rng_state(),
    }
    unfinished = path.with_suffix(".unfinished")
    try:
        torch.save(content, unfinished)
        os.replace(unfinished, path)
    except (OSError, RuntimeError) as error:  # a full disk must not end a training of many minutes
        unfinished.unlink(missing_ok=True)
        tqdm.write(f"{path} cannot be written ({error}); the training goes on without it.")


def load_checkpoint(state: TrainingState, key: str, path: Path) -> None:
    """Continue from ``path`` where it holds a checkpoint of this very training; otherwise leave
    ``state`` alone.
    """
    try:
        content = torch.load(path, weights_only=True, map_location="cpu")
        if content["key"] != key:
            return
    except FileNotFoundError:
        return
    except Exception as error:  # a damaged file fails in many ways
        tqdm.write(f"{path} is damaged ({type(error).__name__}); the training starts anew.")
        return
    state.network.load_state_dict(content["network"])
    state.average.load_state_dict(content["average"])
    for optimizer, saved in zip(state.optimizers, content["optimizers"], strict=True):
        optimizer.load_state_dict(saved)
    state.ensemble.copy_(content["ensemble"])
    state.history, state.best_epoch, state.best_state = (
        content[name] for name in ("history", "best_epoch", "best_state")
    )
    torch.set_rng_state(content["random_state"])
