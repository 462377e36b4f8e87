"""Every path that makes tensors, on pretended CUDA tensors: none may meet one of the CPU's."""

from types import SimpleNamespace
from unittest.mock import patch

import pytest
import torch
from pretended import CUDA, CountTransfers, pretended_cuda

from hwlib.common.images import ImageSet
from hwlib.q3 import experiments, mlp
from hwlib.q3.stacked import StackedNetwork
from hwlib.q4_cats import augment, cnn, evaluation, training
from hwlib.q4_cats.muon import orthogonalise
from hwlib.q4_cats.recipe import Recipe
from hwlib.q4_vgg import vgg

pytestmark = pytest.mark.filterwarnings("ignore:User provided device_type|Accessing the data")


@pytest.fixture(autouse=True)
def pretended():
    with pretended_cuda():
        yield


def pictures(count: int) -> ImageSet:
    images = torch.zeros(count, 3, cnn.IMAGE_SIZE, cnn.IMAGE_SIZE, dtype=torch.uint8)
    return ImageSet(images, torch.arange(count) % 10, [], cnn.CLASS_NAMES)


def pretended_digits() -> mlp.Digits:
    parts = [(torch.zeros(n, 28, 28, dtype=torch.uint8), torch.arange(n) % 10) for n in (70, 40)]
    return mlp.prepare_digits(*parts[0], *parts[1], device=CUDA)


def test_mixed_devices_raise():
    with pytest.raises(RuntimeError, match="device"):
        torch.zeros(2, device=CUDA) + torch.zeros(2)


def test_question_3_stays_on_the_device():
    digits = pretended_digits()
    assert {part.device for part in digits} == {CUDA}
    for scaled in (False, True):
        network = experiments.untrained_network(digits, 42, scaled, lr=0.1)
        stack = StackedNetwork(network, [0.1, 0.2])
        figures = mlp.train_epochs(network, digits, 2) | mlp.train_epochs(stack, digits, 2)
        assert {values.device for values in figures.values()} == {CUDA}
        assert figures["test_loss"].shape == (2, 2)


def test_question_3_copies_nothing_and_waits_for_nothing_within_an_epoch():
    digits = pretended_digits()
    network = experiments.untrained_network(digits, 42, lr=0.1)
    with CountTransfers() as transfers:
        mlp.train_epoch(network, digits.x_train, digits.y_train, 4)
        mlp.evaluate(network, digits.x_test, digits.y_test)
    assert transfers.count["transfers"] == 0


def test_augmentation_and_cutmix_stay_on_the_device():
    images, numbers = pictures(6).images.to(CUDA), torch.zeros(6, augment.NUMBERS).to(CUDA)
    targets = training.soft_targets(torch.arange(6).to(CUDA), 10, 0.1)
    with CountTransfers() as transfers:
        moved = augment.augment(images, numbers, 96)
        mixed, targets = augment.cutmix(moved, targets, augment.Box(3, 4, 50, 96))
        step = orthogonalise(torch.zeros(2, 4, 9, device=CUDA))
    assert {moved.device, mixed.device, targets.device, step.device} == {CUDA}
    assert transfers.count["transfers"] == 0


def test_vgg16_answers_on_whichever_device_it_lies():
    network = vgg.vgg16(weights=None, init_weights=False).to(CUDA).eval()
    on_gpu, picture = vgg.Vgg(network, "none"), vgg.Picture("a", None)
    with patch.object(vgg, "preprocess", lambda image: torch.zeros(3, vgg.CROP, vgg.CROP)):
        logits = vgg.classify(on_gpu, [picture, picture])
        first = vgg.first_filters(on_gpu, picture)
    assert logits.shape == (2, 1000)
    assert {part.device.type for part in (logits, *first)} == {"cpu"}


def test_predictions_and_activation_maps_come_back_to_the_cpu():
    network, few = cnn.BigCatsNet().to(CUDA), pictures(3)
    with patch.object(cnn, "as_fractions", lambda x: x):  # which looks at values
        logits = training.predict(network, few.images)
    maps = evaluation.class_activation_maps(network, few.images, few.labels)
    assert logits.shape == (3, 10) and maps.shape == (3, cnn.IMAGE_SIZE, cnn.IMAGE_SIZE)
    assert {logits.device.type, maps.device.type} == {"cpu"}


class AtOnce:
    """A pool without threads, which would not know that tensors are pretended."""

    def submit(self, function, *arguments):
        result = function(*arguments)
        return SimpleNamespace(result=lambda: result)


def test_a_training_step_copies_nothing_and_waits_for_nothing():
    recipe = Recipe(epochs=2)
    state = training.initial_state(cnn.BigCatsNet, pictures(8), recipe, CUDA)

    def backward(loss):
        for network in state.replicas:
            for weight in network.parameters():
                weight.grad = torch.zeros_like(weight)

    train = training.resize_for(pictures(8), 96, CUDA)
    targets = training.distilled_targets(state, train.labels, recipe)
    (parts,) = training.batches(train, targets, recipe, recipe.parts)
    box = augment.Box(3, 4, 50, 96)
    with patch.object(torch.Tensor, "backward", backward), CountTransfers() as transfers:
        sums, logits = training.train_step(state, parts, 96, box, AtOnce())
        training.update_ensemble(state.ensemble, parts, logits, recipe.ensemble_decay)
        training.update_average(state.average, state.network, 0.9)
    assert {sums.device, logits.device, state.ensemble.device} == {CUDA}
    assert {weight.device for weight in state.average.state_dict().values()} == {CUDA}
    assert transfers.count["transfers"] == 0
