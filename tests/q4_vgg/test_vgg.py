"""The pretrained VGG16: its weights, its pictures and its answers."""

import pytest
import torch
from PIL import Image
from torchvision.models import VGG16_Weights

from hwlib.common import download
from hwlib.common.download import DataError
from hwlib.q4_vgg import vgg


@pytest.fixture(scope="module")
def random_vgg() -> vgg.Vgg:
    return vgg.load_vgg16("none", "sample")


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    """Weights of VGG16's shapes, each of a single number, so that their file is small."""
    shapes = {name: tensor.shape for name, tensor in vgg.empty_vgg16().state_dict().items()}
    return {name: torch.full((), 0.125).expand(shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("size", [(320, 320), (400, 261), (257, 900), (224, 224), (100, 130)])
def test_preprocessing_is_torchvision_s(size):
    image = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 60).convert("RGB")
    difference = (vgg.preprocess(image) - VGG16_Weights.DEFAULT.transforms()(image)).abs().max()
    assert difference < 1e-6


def test_imagenet_weights_come_from_torch_s_cache(tmp_path, monkeypatch, weights):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    download.vgg16_file().parent.mkdir(parents=True)
    torch.save(weights, download.vgg16_file())
    loaded = vgg.load_vgg16("imagenet", "sample")
    assert loaded.weights == "imagenet" and not loaded.network.training
    tensors = loaded.network.state_dict()
    assert all(tensors[name].eq(0.125).all() for name in ("features.0.bias", "classifier.6.weight"))


@pytest.mark.parametrize("new_format", [True, False])
def test_weights_of_half_precision_and_of_the_old_format_are_loaded(tmp_path, weights, new_format):
    """Torchvision's own file has the format that torch wrote until 2020."""
    path = tmp_path / "w.pth"
    halves = {name: weight.half() for name, weight in weights.items() if "classifier" in name}
    small = {name: weight for name, weight in weights.items() if "features" in name}
    torch.save(small | halves, path, _use_new_zipfile_serialization=new_format)
    vgg.check_weights_file(path)
    loaded = vgg.load_vgg16(str(path), "real")
    assert {weight.dtype for weight in loaded.network.parameters()} == {torch.float32}


def of_another_layer(weights):
    weights["features.0.weight"] = torch.zeros(64, 3, 5, 5)


def without_a_bias(weights):
    del weights["classifier.6.bias"]


@pytest.mark.parametrize("damage", [of_another_layer, without_a_bias])
def test_weights_of_another_network_are_refused_with_the_remedy(tmp_path, weights, damage):
    damage(weights)
    torch.save(weights, tmp_path / "w.pth")
    for read in (vgg.check_weights_file, lambda path: vgg.load_vgg16(path, "real")):
        with pytest.raises(DataError, match=r"w\.pth.*another network's.*Set vgg_weights"):
            read(str(tmp_path / "w.pth"))


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"PK\x03\x04", None])
def test_files_that_hold_no_weights_are_refused_with_the_remedy(tmp_path, content):
    if content is not None:
        (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(DataError, match=r"w\.pth.*no state dict.*Set vgg_weights"):
        vgg.check_weights_file(tmp_path / "w.pth")


def test_top_five_are_the_five_highest_in_order():
    logits = torch.zeros(1000)
    logits[[94, 90, 254]] = torch.tensor([5.0, 4.0, 3.0])
    names = [name for name, _ in vgg.top_five(logits)]
    assert names[:3] == ["hummingbird", "lorikeet", "pug"]
    probabilities = [probability for _, probability in vgg.top_five(logits)]
    assert probabilities == sorted(probabilities, reverse=True)
    assert probabilities[0] == pytest.approx(logits.softmax(0)[94].item(), abs=5e-5)


def test_answers_are_quoted_unless_the_weights_are_random(random_vgg):
    pictures = [vgg.Picture(name, Image.new("RGB", (230, 300), "red")) for name in ("a", "b")]
    logits = vgg.classify(random_vgg, pictures)
    assert logits.shape == (2, 1000) and torch.equal(logits[0], logits[1])
    text = vgg.top_two_text(random_vgg, pictures, logits)
    assert "random weights" in text and "most probably" not in text
    lines = vgg.top_two_text(random_vgg._replace(weights="imagenet"), pictures, logits).splitlines()
    assert [line.split(":")[0] for line in lines] == ["a", "b"]
    assert f"most probably {vgg.top_five(logits[0])[0][0]} (" in lines[0]


def test_random_weights_are_always_the_same(random_vgg):
    again = vgg.load_vgg16("none", "sample")
    for name in ("features.0.weight", "classifier.6.weight"):
        first, second = (v.network.state_dict()[name] for v in (random_vgg, again))
        assert torch.equal(first, second) and first.std() > 0


def test_filter_responses_are_the_convolution_by_hand(random_vgg):
    picture = vgg.Picture("a", Image.effect_noise((240, 240), 60).convert("RGB"))
    first = vgg.first_filters(random_vgg, picture, 2)
    x = vgg.preprocess(picture.image)
    layer = random_vgg.network.features[0]
    by_hand = (x[:, 9:12, 19:22] * layer.weight[1]).sum() + layer.bias[1]
    torch.testing.assert_close(first.responses[1, 10, 20], by_hand.detach(), rtol=1e-4, atol=1e-5)


def test_claims_keep_pictures_of_the_same_name_apart(random_vgg):
    pictures = [vgg.Picture("a.jpg", Image.new("RGB", (9, 9)))] * 2
    claims = vgg.vgg_claims(random_vgg, pictures, torch.eye(2, 1000))
    assert claims["weights"] == "none"
    assert {name: row[0][0] for name, row in claims["images"].items()} == {
        "a.jpg": "tench",
        "a.jpg (2)": "goldfish",
    }


RED, GREEN, BLUE = torch.eye(3).view(3, 3, 1, 1).expand(3, 3, 3, 3)
EDGE = torch.tensor([-1.0, 0.0, 1.0])  # from left to right


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (RED, "much red"),
        (-BLUE - GREEN, "little green and blue"),
        (RED - GREEN, "more red than green"),
        (RED * EDGE, "changes only (edges)"),
        (RED * EDGE - BLUE * EDGE - 0.05 * GREEN, "changes only (edges)"),  # faint, but of one sign
    ],
)
def test_what_a_filter_answers_to(weights, words):
    assert vgg.filter_meaning(weights) == words


def test_a_response_is_named_after_what_it_resembles_in_this_picture():
    pixels = torch.zeros(256, 256, 3, dtype=torch.uint8)
    pixels[:, 128:, 0] = 255  # red on the right half
    picture = vgg.Picture("half.png", Image.fromarray(pixels.numpy()))
    x = vgg.preprocess(picture.image)
    outline = torch.zeros(224, 224)
    outline[:, 111:113] = 1
    maps = torch.stack([x[0], outline])
    filters = torch.zeros(2, 3, 3, 3)
    filters[0, 0] = 1
    filters[1, :, 0], filters[1, :, 2] = 1, -1
    responses = vgg.Responses(filters, torch.zeros(2), maps)
    first, second = vgg.responses_text(picture, responses).splitlines()
    assert first.startswith("Filter 1 answers to much red.")
    assert "resembles the red values most (correlation +1.00)" in first
    assert first.endswith("right.")
    assert second.startswith("Filter 2 answers to changes only (edges).")
    assert "resembles the outlines most" in second and "centre" in second
