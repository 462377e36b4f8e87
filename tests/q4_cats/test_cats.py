"""The big-cats network: its file, its training, its scores."""

import ast
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from q4_cats.toys import RECIPE, small_network, toy_set
from torch import nn

from hwlib.common.images import ImageSet
from hwlib.q4_cats import augment, cnn, evaluation, muon, plots, training
from hwlib.q4_cats import folds as holdout

CLASS_FILE = Path(cnn.__file__)


def plain_network() -> nn.Module:
    """The same network at every call, without batch norm and clearly not indifferent."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 2))
    nn.init.normal_(layers[-1].weight)
    return layers


def test_class_file_stands_alone(tmp_path):
    imports = [
        n for n in ast.walk(ast.parse(CLASS_FILE.read_text())) if isinstance(n, ast.ImportFrom)
    ]
    assert {node.module.split(".")[0] for node in imports} == {"torch"}
    copy = tmp_path / "HW1_ID1_ID2.py"
    copy.write_text(CLASS_FILE.read_text())
    done = subprocess.run(
        [sys.executable, "-I", copy], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "98,855 parameters; output (2, 10)\n", done.stderr


def test_any_picture_size_will_do_and_mirroring_changes_nothing():
    network = cnn.BigCatsNet().eval()
    pictures = torch.rand(2, 3, cnn.IMAGE_SIZE, cnn.IMAGE_SIZE)
    with torch.no_grad():
        assert network(torch.rand(1, 3, 224, 200)).shape == (1, 10)
        torch.testing.assert_close(network(pictures), network(pictures.flip(-1)))


def test_the_answer_is_the_mean_over_the_whole_picture_and_its_middle():
    torch.manual_seed(0)
    network, ramp = cnn.BigCatsNet().eval(), np.arange(192)
    nn.init.normal_(network.head[-1].weight, std=100)  # untrained, all pictures are nearly alike
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp, ramp[:, None] * ramp % 256), -1)
    picture = Image.fromarray(pixels.astype(np.uint8))
    middle = picture.crop((16, 16, 176, 176))
    seen = [view for one in (picture, middle) for view in (one, ImageOps.mirror(one))]
    tensors = [torch.from_numpy(np.array(one)).permute(2, 0, 1)[None] / 255 for one in seen]
    with torch.no_grad():
        logits = torch.cat([network.head(network.feature_map(x)) for x in tensors])
        torch.testing.assert_close(network(tensors[0])[0], logits.mean(0), atol=1e-3, rtol=0)
    assert (logits - logits.mean(0)).abs().amax(1).min() > 0.02  # each of the four matters


def test_channel_attention_weighs_each_channel_by_its_neighbourhood():
    attention, x = cnn.ChannelAttention(), torch.randn(2, 7, 3, 3)
    weights = attention.mix.weight.detach().flatten().numpy()
    with torch.no_grad():
        shares = (attention(x) / x).numpy()
    for picture, share in zip(x.mean((2, 3)).numpy(), shares, strict=True):
        mixed = np.correlate(picture, weights, mode="same")
        expected = np.broadcast_to(1 / (1 + np.exp(-mixed))[:, None, None], share.shape)
        np.testing.assert_allclose(share, expected, rtol=1e-4)


def test_parameter_table_adds_up():
    network = cnn.BigCatsNet()
    table = evaluation.parameter_table(network, torch.zeros(1, 3, 192, 192))
    assert table.loc["stem", "output"] == "16 × 96 × 96"
    assert table.loc["stage3", "output"] == "72 × 12 × 12"
    rows = [int(value.replace(",", "")) for value in table["parameters"]]
    assert sum(rows[:-1]) == rows[-1] == cnn.count_parameters(network)


def test_training_learns_and_keeps_the_last_of_the_best_epochs():
    result = training.train_classifier(small_network, toy_set(64, 0), toy_set(20, 1), RECIPE)
    accuracy = result.history["validation_accuracy"]
    assert accuracy[result.best_epoch - 1] == max(accuracy) == 1
    assert 1 not in accuracy[result.best_epoch :]
    network = small_network()
    network.load_state_dict(result.state_dict)
    assert evaluation.score(network, toy_set(20, 1)).correct == 20


def test_among_equally_good_epochs_the_last_is_kept():
    state = training.start(small_network, toy_set(4, 0), RECIPE, "cpu")
    for epoch, accuracy in enumerate((0.5, 0.9, 0.8, 0.9, 0.7), 1):
        state.average.load_state_dict({k: v + epoch for k, v in state.average.state_dict().items()})
        training.record_epoch(state, (1.0, 0.5, float(epoch), accuracy))
        if epoch == 4:
            kept = {name: value.clone() for name, value in state.average.state_dict().items()}
    assert state.best_epoch == 4
    assert all(torch.equal(state.best_state[name], value) for name, value in kept.items())


@pytest.mark.parametrize("cutmix_share", [0.0, 1.0])
def test_targets_are_distilled_from_predictions_for_whole_pictures(cutmix_share):
    """With rates of zero every prediction can be had again from the network as it was made; without
    batch norm it does not depend on the other pictures of a part.
    """
    still = {"lr": 0.0, "adam_lr": 0.0, "distillation_weight": 0.5, "cutmix_share": cutmix_share}
    recipe = replace(RECIPE, epochs=9, batch_size=8, sizes=((8, 1.0),), **still)
    train = toy_set(17, 0)  # the last batch has one picture, for two parts
    state = training.start(plain_network, train, recipe, "cpu")
    smoothed = nn.functional.one_hot(train.labels, 2) * 0.9 + 0.05
    torch.testing.assert_close(training.distilled_targets(state, train.labels, recipe), smoothed)
    with patch.object(training, "augment", lambda images, numbers, size: images.float() / 255):
        figures = [training.train_epoch(state, train, recipe)]
        logits = plain_network()(train.images.float() / 255).detach()
        ensemble = smoothed if cutmix_share else 0.9 * smoothed + 0.1 * logits.softmax(1)
        torch.testing.assert_close(state.ensemble, ensemble)
        training.record_epoch(state, (*figures[0], 0.0, 0.0))
        targets = 0.875 * smoothed + 0.125 * ensemble  # a quarter of the way to a half
        torch.testing.assert_close(training.distilled_targets(state, train.labels, recipe), targets)
        figures.append(training.train_epoch(state, train, recipe))
    for _ in range(7):  # the share has stopped growing after the fourth epoch
        training.record_epoch(state, (0.0, 0.0, 0.0, 0.0))
    targets_in_the_end = training.distilled_targets(state, train.labels, recipe)
    torch.testing.assert_close(targets_in_the_end, (smoothed + state.ensemble) / 2)
    if not cutmix_share:
        losses = [nn.functional.cross_entropy(logits, y).item() for y in (smoothed, targets)]
        assert abs(losses[0] / losses[1] - 1) > 5e-3
        assert [loss for loss, _ in figures] == pytest.approx(losses, rel=1e-4)


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

    sums, _ = training.backward(TakenForEachOther(), part, 8, augment.Box(0, 0, side, 8), 2)
    assert sums[1] == right


def test_two_threads_train_like_one(use_threads):
    """The parts of a batch do not get into each other's way; the last batch is one picture."""
    train, valid, results = toy_set(65, 0), toy_set(20, 1), []
    for count in (1, 2):
        use_threads(count)
        results.append(training.train_classifier(small_network, train, valid, RECIPE))
    alone, together = (torch.tensor(list(result.history.values())) for result in results)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_augmentation_changes_pictures_and_stays_in_range():
    pictures = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    changed = augment.augment(pictures, torch.rand(8, augment.NUMBERS), 16)
    assert changed.shape == pictures.shape and changed.dtype == torch.float32
    assert changed.min() >= 0 and changed.max() <= 1
    assert (changed - pictures / 255).abs().mean() > 0.01


def test_a_picture_s_augmentation_does_not_depend_on_the_others():
    pictures = torch.randint(0, 256, (6, 3, 20, 20), dtype=torch.uint8)
    numbers = torch.rand(6, augment.NUMBERS)
    parts = zip(pictures.split(2), numbers.split(2), strict=True)
    together = augment.augment(pictures, numbers, 16)
    apart = torch.cat([augment.augment(part, own, 16) for part, own in parts])
    torch.testing.assert_close(apart, together)


def test_no_augmentation_is_the_identity_or_the_mirror():
    torch.manual_seed(0)
    pictures = torch.rand(16, 3, 9, 9)
    moved = augment.affine(pictures, torch.rand(16, 5), 9, rotation=0, zoom=0, shift=0)
    same = [torch.allclose(m, p, atol=1e-5) for m, p in zip(moved, pictures, strict=True)]
    mirrored = [
        torch.allclose(m, p.flip(-1), atol=1e-5) for m, p in zip(moved, pictures, strict=True)
    ]
    assert all(s != m for s, m in zip(same, mirrored, strict=True)) and any(same) and any(mirrored)


def test_cutmix_mixes_targets_by_the_area_it_pastes():
    torch.manual_seed(3)
    pictures = torch.stack([torch.full((3, 10, 10), float(k)) for k in range(2)])
    mixed, targets = augment.cutmix(pictures, torch.eye(2), augment.random_box(10))
    pasted = (mixed[0] == 1).float().mean().item()
    assert 0 < pasted < 1 and (mixed[1] == 0).float().mean().item() == pytest.approx(pasted)
    torch.testing.assert_close(targets, torch.tensor([[1 - pasted, pasted], [pasted, 1 - pasted]]))


def test_colour_is_saturation_then_contrast_then_brightness():
    """The one matrix a picture, beside the three steps it stands for."""
    pictures = torch.rand(5, 3, 7, 7) * 0.4 + 0.3
    numbers = torch.rand(5, 3)
    found = augment.colour(255 * pictures, numbers, 0.3, white=255)
    factors = [(part * 0.6 + 0.7).view(-1, 1, 1, 1) for part in numbers.unbind(1)]
    grey = pictures.mean(1, keepdim=True)
    expected = grey + factors[2] * (pictures - grey)
    mean = expected.mean((1, 2, 3), keepdim=True)
    expected = factors[0] * (mean + factors[1] * (expected - mean))
    torch.testing.assert_close(found, expected.clamp(0, 1))


@pytest.mark.parametrize("shape", [(1, 4, 9), (1, 9, 4), (3, 5, 16), (6, 1, 9)])
def test_orthogonalise_keeps_the_singular_vectors_and_levels_the_values(shape):
    matrices = torch.randn(*shape, dtype=torch.float64)
    found = muon.orthogonalise(matrices)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.6 and values.max() < 1.3
    u, _, v = torch.linalg.svd(matrices, full_matrices=False)
    inner = u.mT @ found @ v.mT  # diagonal where the singular vectors are the same
    torch.testing.assert_close(inner, torch.diag_embed(inner.diagonal(dim1=-2, dim2=-1)))


def test_muon_moves_every_filter_of_a_depthwise_bank_by_the_same_length():
    filters = nn.Parameter(torch.randn(6, 1, 3, 3))
    before = filters.detach().clone()
    filters.grad = torch.randn(6, 1, 3, 3) * torch.logspace(-3, 3, 6).view(-1, 1, 1, 1)
    muon.Muon([filters], lr=0.1).step()
    lengths = (filters.detach() - before).flatten(1).norm(dim=1)
    torch.testing.assert_close(lengths, torch.full((6,), 0.1))


def test_schedule_rises_along_a_line_and_ends_at_nothing():
    recipe = training.Recipe(epochs=10)
    assert recipe.schedule(0) == 0 and recipe.schedule(0.05) == pytest.approx(0.5)
    assert recipe.schedule(0.1) == 1 and recipe.schedule(0.55) == pytest.approx(0.5)
    assert recipe.schedule(1) == pytest.approx(0)


def test_pictures_grow_during_the_training():
    recipe = training.Recipe(epochs=10, sizes=((96, 0.6), (128, 1.0)))
    assert [recipe.size(epoch) for epoch in range(10)] == [96] * 6 + [128] * 4
    assert recipe.growth() == [6]


def test_folds_are_a_fifth_of_every_class_and_keep_twins_together():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, 3, 16, 16), generator=generator, dtype=torch.uint8)
    images[1] = images[0].flip(-1)  # a mirrored twin
    images[5], images[7] = images[3], images[3]
    images[41] = images[2]  # of another class
    names = [str(number) for number in range(60)]
    labels = torch.arange(3).repeat_interleave(20)
    everything = ImageSet(images, labels, names, ["a", "b", "c"])
    splits = [holdout.hold_out(everything, fold) for fold in range(1, 6)]
    for train, held in splits:
        assert sorted(train.paths + held.paths) == sorted(names)
        assert all(3 <= count <= 6 for count in torch.bincount(held.labels).tolist())
        for twins in ({"0", "1"}, {"3", "5", "7"}, {"2", "41"}):
            assert len(twins & set(held.paths)) in (0, len(twins))
    assert sorted(path for _, held in splits for path in held.paths) == sorted(names)
    assert torch.equal(holdout.fold_numbers(everything), holdout.fold_numbers(everything))


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (["JAGUAR", "PUMA"], "No mistake, so none between spotted cats."),
        (["OCELOT", "LIONS"], "1 of 2 mistakes take one spotted cat for another."),
    ],
)
def test_mistakes_between_spotted_cats_are_counted(answers, sentence):
    labels = torch.tensor([cnn.CLASS_NAMES.index(name) for name in ("JAGUAR", "PUMA")])
    said = torch.tensor([cnn.CLASS_NAMES.index(name) for name in answers])
    probabilities = nn.functional.one_hot(said, 10).float()
    result = evaluation.Score(probabilities, labels, int((said == labels).sum()), 2, (0.0, 1.0))
    assert evaluation.between_spotted(result, cnn.CLASS_NAMES) == sentence


def test_class_activation_maps_average_to_the_logit():
    network = cnn.BigCatsNet().eval()
    pictures = torch.randint(0, 256, (2, 3, 128, 128), dtype=torch.uint8)
    maps = evaluation.class_activation_maps(network, pictures, torch.tensor([3, 7]))
    assert maps.shape == (2, 128, 128)
    with torch.no_grad():
        logits = network.head(network.feature_map(pictures / 255))
    expected = logits[[0, 1], [3, 7]] - network.head[-1].bias[[3, 7]]
    torch.testing.assert_close(maps.mean((1, 2)), expected.detach(), rtol=0.1, atol=0.02)


def test_class_activation_is_drawn_for_a_network_that_speaks_against_every_class():
    network = cnn.BigCatsNet()
    network.feature_map = lambda x: torch.ones(len(x), cnn.WIDTHS[-1], 10, 10)
    nn.init.constant_(network.head[-1].weight, -1)
    pictures = torch.zeros(10, 3, cnn.IMAGE_SIZE, cnn.IMAGE_SIZE, dtype=torch.uint8)
    part = ImageSet(pictures, torch.arange(10), [], cnn.CLASS_NAMES)
    figure = plots.class_activation(network, evaluation.score(network, part), part)
    scales = {axes.images[0].get_clim() for axes in figure.axes if axes.images}
    assert (0, 0.1) in scales


def test_soft_targets_are_torch_s_label_smoothing():
    logits, labels = torch.randn(6, 4), torch.tensor([0, 1, 2, 3, 0, 1])
    expected = nn.functional.cross_entropy(logits, labels, label_smoothing=0.1)
    found = nn.functional.cross_entropy(logits, training.soft_targets(labels, 4, 0.1))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("correct", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)  # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3
def test_wilson_interval_as_published(correct, total, low, high):
    assert evaluation.wilson_interval(correct, total) == pytest.approx((low, high), abs=5e-5)


def test_confusion_matrix_and_mistakes():
    probabilities = torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.05, 0.95]])
    labels = torch.tensor([0, 1, 0, 0])
    score = evaluation.Score(probabilities, labels, 2, 4, (0, 1))
    assert evaluation.confusion_matrix(score).tolist() == [[1, 2], [0, 1]]
    assert evaluation.mistakes(score) == [3, 2]
