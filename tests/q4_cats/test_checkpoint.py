"""A training that is interrupted, and files that are no checkpoint of it."""

import multiprocessing
import random
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from q4_cats.toys import RECIPE, same, small_network, toy_set, train_in_a_process

from hwlib.q4_cats import checkpoint, precision, training

TRAIN, VALID = toy_set(67, 0), toy_set(20, 1)
FIELDS = tuple(training.initial_state(small_network, TRAIN, RECIPE, "cpu").content())


def train(path: Path | None = None, seed: int = 42) -> training.TrainingResult:
    return training.train_classifier(small_network, TRAIN, VALID, RECIPE, seed, checkpoint=path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """The last checkpoint of a whole training."""
    path = tmp_path_factory.mktemp("undisturbed") / "c.pt"
    train(path)
    return path


class StopError(Exception):
    pass


@pytest.fixture(scope="module")
def after_two_epochs(tmp_path_factory) -> Path:
    """The checkpoint of a training that was stopped after the second of four epochs."""
    path = tmp_path_factory.mktemp("interrupted") / "c.pt"

    def save_and_stop(state, key, path):
        checkpoint.save_checkpoint(state, key, path)
        if state.finished == 2:
            raise StopError

    with pytest.MonkeyPatch.context() as patched, pytest.raises(StopError):
        patched.setattr(training, "save_checkpoint", save_and_stop)
        train(path)
    return path


@pytest.fixture
def interrupted(after_two_epochs, tmp_path) -> Path:
    """A copy of that checkpoint, to be continued or damaged."""
    return Path(shutil.copy(after_two_epochs, tmp_path))


def test_an_interrupted_training_ends_like_an_undisturbed_one(interrupted, undisturbed):
    result, end = train(interrupted), torch.load(undisturbed)
    assert same(torch.load(interrupted), end)  # optimisers, schedules and random numbers too
    assert result.history == end["history"]
    assert same(result.state_dict, end["average"])


def test_the_schedule_goes_on_where_it_stopped(interrupted):
    content = torch.load(interrupted)
    steps = RECIPE.steps(len(TRAIN.labels))
    assert [saved["last_epoch"] for saved in content["schedulers"]] == [2 * steps, 2 * steps]
    state = training.initial_state(small_network, TRAIN, RECIPE, "cpu")
    checkpoint.load_checkpoint(state, content["key"], interrupted)
    rates = [optimizer.param_groups[0]["lr"] for optimizer in state.optimizers]
    share = RECIPE.schedule(0.5)
    assert rates == [share * RECIPE.lr, share * RECIPE.adam_lr]


def test_a_training_killed_five_times_ends_like_an_undisturbed_one(tmp_path):
    """SIGKILL, at whatever point the process is. All are forked from one that has loaded torch."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["hwlib.q4_cats.training"])

    def begin(path: Path) -> multiprocessing.Process:
        process = context.Process(target=train_in_a_process, args=(path,))
        process.start()
        return process

    whole, killed, moments = tmp_path / "whole.pt", tmp_path / "killed.pt", random.Random(0)
    processes = [begin(whole)]
    processes[0].join()
    for _ in range(5):
        before = killed.stat().st_mtime_ns if killed.exists() else None
        process = begin(killed)
        while process.is_alive() and (not killed.exists() or killed.stat().st_mtime_ns == before):
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.05))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it ended before it was killed"
    processes.append(begin(killed))
    processes[1].join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert same(torch.load(whole), torch.load(killed))


def test_a_checkpoint_of_another_training_is_not_continued(interrupted, capsys):
    after = train(interrupted, seed=2)
    assert same(after.state_dict, train(seed=2).state_dict)
    assert "damaged" not in capsys.readouterr().out


def remove(content: dict, field: str) -> None:
    del content[field]


def replace_by_none(content: dict, field: str) -> None:
    content[field] = None


def remove_a_part(content: dict, field: str) -> None:
    """Take away the last entry or the last column; a number becomes a text, and what is empty gets
    an entry.
    """
    value = content[field]
    if value == {}:
        content[field] = {"scale": 1.0}
    elif isinstance(value, dict):
        value.popitem()
    elif isinstance(value, torch.Tensor):
        content[field] = value[..., :-1]
    else:
        content[field] = value[:-1] if isinstance(value, list) else str(value)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("damage", [remove, replace_by_none, remove_a_part])
def test_a_missing_or_wrong_field_is_damage_and_changes_nothing(
    interrupted, tmp_path, capsys, damage, field
):
    content = torch.load(interrupted)
    damage(content, field)
    torch.save(content, interrupted)
    state = training.initial_state(small_network, TRAIN, RECIPE, "cpu")
    checkpoint.save_checkpoint(state, content["key"], tmp_path / "before.pt")
    checkpoint.load_checkpoint(state, content["key"], interrupted)
    assert "c.pt is damaged" in capsys.readouterr().out
    checkpoint.save_checkpoint(state, content["key"], tmp_path / "after.pt")
    assert same(torch.load(tmp_path / "before.pt"), torch.load(tmp_path / "after.pt"))


def test_after_damage_the_training_starts_anew(interrupted, undisturbed, capsys):
    content = torch.load(interrupted)
    content["optimizers"][0]["state"][0]["mean"] = torch.zeros(3)  # of another shape
    torch.save(content, interrupted)
    train(interrupted)
    assert "c.pt is damaged (ValueError); the training starts anew" in capsys.readouterr().out
    assert same(torch.load(interrupted), torch.load(undisturbed))


def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(interrupted, monkeypatch, capsys):
    before = interrupted.read_bytes()

    def fail_in_the_middle(content, path):
        path.write_bytes(b"half a file")
        raise OSError("No space left on device")

    monkeypatch.setattr(torch, "save", fail_in_the_middle)
    train(interrupted)
    assert "No space left on device); the training goes on" in capsys.readouterr().out
    assert interrupted.read_bytes() == before
    assert [path.name for path in interrupted.parent.iterdir()] == ["c.pt"]


def test_a_training_in_float16_goes_on_exactly_and_may_move_to_float32(tmp_path, monkeypatch):
    """The scale of the loss is part of the checkpoint; a device that needs none leaves it."""

    def stop_after_two(state, key, path):
        checkpoint.save_checkpoint(state, key, path)
        if state.finished == 2:
            raise StopError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(precision, "short_type", lambda device: torch.float16)
        train(tmp_path / "whole.pt")
        patched.setattr(training, "save_checkpoint", stop_after_two)
        with pytest.raises(StopError):
            train(tmp_path / "c.pt")
        patched.setattr(training, "save_checkpoint", checkpoint.save_checkpoint)
        moved = shutil.copy(tmp_path / "c.pt", tmp_path / "moved.pt")
        train(tmp_path / "c.pt")
    assert same(torch.load(tmp_path / "c.pt"), torch.load(tmp_path / "whole.pt"))
    assert torch.load(moved)["scaler"]["scale"] > 1
    history = train(moved).history
    assert (
        history["train_loss"][:2] == torch.load(tmp_path / "whole.pt")["history"]["train_loss"][:2]
    )
    assert torch.load(moved)["scaler"] == {}
