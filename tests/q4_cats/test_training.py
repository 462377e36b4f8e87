"""The recipe, its targets and its steps."""

import threading
from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from q4_cats.toys import RECIPE, same, small_network, toy_set
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from hwlib.q4_cats import augment, parallel, precision, training
from hwlib.q4_cats.recipe import Recipe


def plain_network() -> nn.Module:
    """The same network at every call, without batch norm and clearly not indifferent."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    nn.init.normal_(layers[-1].weight)
    return layers


def test_every_step_has_the_rate_of_the_schedule(monkeypatch):
    rates, step = [], training.Muon.step

    def step_and_note_the_rate(optimizer):
        rates.append(optimizer.param_groups[0]["lr"])
        step(optimizer)

    monkeypatch.setattr(training.Muon, "step", step_and_note_the_rate)
    training.train_classifier(small_network, toy_set(17, 0), toy_set(4, 1), RECIPE)
    steps = 4 * 3  # epochs of 17 pictures in batches of 8
    assert rates == [RECIPE.schedule(done / steps) * RECIPE.lr for done in range(steps)]
    assert rates[0] == 0 and max(rates) > 0.9 * RECIPE.lr


def test_in_the_last_epoch_the_share_of_self_distillation_is_just_below_its_largest():
    """As the notebook says: 79.3% in the 120th epoch."""
    recipe = Recipe(epochs=120)
    train = toy_set(4, 0)
    state = training.initial_state(small_network, train, recipe, "cpu")
    state.ensemble.fill_(0)
    state.history["train_loss"] = [0.0] * 119
    targets = training.distilled_targets(state, train.labels, recipe)
    assert 1 - targets.sum(1)[0].item() == pytest.approx(0.793, abs=5e-4)


def test_the_same_threads_work_in_all_epochs(monkeypatch, use_threads):
    """Memory that an ended thread has used is kept, so new ones each epoch may add theirs."""
    use_threads(2)
    names, augmented = set(), training.augment

    def augment_and_note_the_thread(*arguments):
        names.add(threading.current_thread().name)  # never used again, other than its number
        return augmented(*arguments)

    monkeypatch.setattr(training, "augment", augment_and_note_the_thread)
    training.train_classifier(small_network, toy_set(17, 0), toy_set(4, 1), RECIPE)
    assert 1 <= len(names) <= 2  # for at most two parts, over four epochs


def test_soft_targets_are_torch_s_label_smoothing():
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    expected = nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    loss = nn.functional.cross_entropy(logits, training.soft_targets(labels, 4, 0.1))
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("cutmix_share", [0.0, 1.0])
def test_targets_are_distilled_from_predictions_for_whole_pictures(cutmix_share):
    """With rates of zero the network stays as it was made, so that every prediction can be computed
    again; without batch norm it does not depend on the other pictures of a part.
    """
    still = {"lr": 0.0, "adam_lr": 0.0, "distillation_weight": 0.5, "cutmix_share": cutmix_share}
    recipe = replace(RECIPE, epochs=9, batch_size=8, sizes=((8, 1.0),), **still)
    train = toy_set(17, 0)  # the last batch has one picture, for two parts
    state = training.initial_state(plain_network, train, recipe, "cpu")
    smoothed = nn.functional.one_hot(train.labels, 2) * 0.9 + 0.05
    torch.testing.assert_close(training.distilled_targets(state, train.labels, recipe), smoothed)
    with (
        patch.object(training, "augment", lambda images, numbers, size: images.float() / 255),
        parallel.workers(2) as pool,
    ):
        figures = [training.run_epoch(state, train, recipe, pool)]
        logits = plain_network()(train.images.float() / 255).detach()
        ensemble = smoothed if cutmix_share else 0.9 * smoothed + 0.1 * logits.softmax(1)
        torch.testing.assert_close(state.ensemble, ensemble)
        training.record_epoch(state, (*figures[0], 0.0, 0.0))
        targets = 0.875 * smoothed + 0.125 * ensemble  # a quarter of the way to a half
        torch.testing.assert_close(training.distilled_targets(state, train.labels, recipe), targets)
        figures.append(training.run_epoch(state, train, recipe, pool))
    for _ in range(7):  # the share has stopped growing after the fourth epoch
        training.record_epoch(state, (0.0, 0.0, 0.0, 0.0))
    targets_in_the_end = training.distilled_targets(state, train.labels, recipe)
    torch.testing.assert_close(targets_in_the_end, (smoothed + state.ensemble) / 2)
    if not cutmix_share:
        losses = [nn.functional.cross_entropy(logits, y).item() for y in (smoothed, targets)]
        assert abs(losses[0] / losses[1] - 1) > 5e-3
        assert [loss for loss, _ in figures] == pytest.approx(losses, rel=1e-4)


def test_a_step_follows_the_gradient_of_the_mean_loss_over_the_batch():
    """Without batch norm the parts, of three and two pictures, make no difference."""
    train = toy_set(5, 0)
    targets = torch.tensor([[0.9, 0.1], [0.2, 0.8]])[train.labels]
    state = training.initial_state(plain_network, train, RECIPE, "cpu")
    state.optimizers = [torch.optim.SGD(state.network.parameters(), lr=1)]
    state.schedulers = [LambdaLR(state.optimizers[0], lambda step: 1.0)]
    before = [weight.detach().clone() for weight in state.network.parameters()]
    (parts,) = training.batches(train, targets, RECIPE, 2)
    with (
        patch.object(training, "augment", lambda images, numbers, size: images.float() / 255),
        parallel.workers(2) as pool,
    ):
        training.train_step(state, parts, 8, None, pool)
    network = plain_network()
    loss = nn.functional.cross_entropy(network(train.images / 255), targets)
    gradients = torch.autograd.grad(loss, list(network.parameters()))
    for old, new, gradient in zip(before, state.network.parameters(), gradients, strict=True):
        torch.testing.assert_close(old - new.detach(), gradient, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("side", "right"), [(4, 0), (6, 2)])
def test_right_is_the_label_of_the_larger_part_of_a_picture(side, right):
    """Two pictures swap a quarter of their area, or nine sixteenths, and are taken for each other;
    their targets, distilled from mistakes, say so too.
    """
    labels, images = torch.tensor([0, 1]), torch.zeros(2, 3, 8, 8)
    swapped = training.soft_targets(1 - labels, 2, 0.1)
    numbers = torch.zeros(2, augment.NUMBERS)
    part = training.Part(torch.arange(2), images, labels, swapped, numbers)

    class TakenForEachOther(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(1.0))

        def forward(self, x):
            return self.scale * swapped

    scaler = precision.loss_scaler(images.device)
    sums, _ = training.backpropagate(
        TakenForEachOther(), part, 8, augment.Box(0, 0, side, 8), 2, scaler
    )
    assert sums[1] == right


def test_training_learns_and_hands_in_the_average_after_the_last_epoch():
    valid = toy_set(20, 1)
    result = training.train_classifier(small_network, toy_set(64, 0), valid, RECIPE)
    network = small_network()
    network.load_state_dict(result.state_dict)
    figures = training.validate(network, valid)
    last = result.history["validation_loss"][-1], result.history["validation_accuracy"][-1]
    assert figures == pytest.approx(last) and last[1] == 1


def test_validation_pictures_change_nothing_in_the_weights():
    first, second = (
        training.train_classifier(small_network, toy_set(33, 0), valid, RECIPE).state_dict
        for valid in (toy_set(20, 1), toy_set(4, 2))
    )
    assert same(first, second)


def test_two_threads_train_like_one(use_threads):
    """The parts of a batch do not get into each other's way; the last batch is one picture."""
    train, valid, results = toy_set(65, 0), toy_set(20, 1), []
    for count in (1, 2):
        use_threads(count)
        results.append(training.train_classifier(small_network, train, valid, RECIPE))
    alone, together = (torch.tensor(list(result.history.values())) for result in results)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
