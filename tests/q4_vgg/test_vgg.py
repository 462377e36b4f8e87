import pytest
import torch
from PIL import Image
from torchvision.models import VGG16_Weights, vgg16

from hwlib.common import download as fetch
from hwlib.common.data import DataError
from hwlib.q4_vgg import vgg


@pytest.fixture(scope="module")
def random_vgg() -> vgg.Vgg:
    return vgg.load_vgg16("none", "sample")


@pytest.mark.parametrize("size", [(320, 320), (400, 261), (257, 900), (224, 224), (100, 130)])
def test_preprocessing_is_torchvision_s(size):
    image = Image.effect_mandelbrot(size, (-2, -1.5, 1, 1.5), 60).convert("RGB")
    difference = (vgg.preprocess(image) - VGG16_Weights.DEFAULT.transforms()(image)).abs().max()
    assert difference < 1e-6


def test_imagenet_weights_come_from_torch_s_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert not fetch.vgg16_file().is_file()
    torch.manual_seed(1)
    checkpoint = vgg16(weights=None, init_weights=False)
    torch.nn.init.constant_(checkpoint.features[0].bias, 0.125)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(checkpoint.state_dict(), folder / VGG16_Weights.DEFAULT.url.rsplit("/", 1)[1])
    loaded = vgg.load_vgg16("imagenet", "sample")
    assert loaded.weights == "imagenet" and not loaded.network.training
    assert loaded.network.features[0].bias.eq(0.125).all()


def test_weights_that_do_not_fit_are_refused_with_the_remedy(tmp_path):
    torch.save({"other": torch.zeros(1)}, tmp_path / "w.pth")
    with pytest.raises(DataError, match="vgg_weights"):
        vgg.load_vgg16(str(tmp_path / "w.pth"), "real")


def test_sample_runs_never_download(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    assert vgg.load_vgg16("imagenet", "sample").weights == "none"


def test_top_five_are_the_five_highest_in_order(random_vgg):
    logits = torch.zeros(1000)
    logits[[94, 90, 254]] = torch.tensor([5.0, 4.0, 3.0])
    names = [name for name, _ in vgg.top_five(logits)]
    assert names[:3] == ["hummingbird", "lorikeet", "pug"]
    probabilities = [probability for _, probability in vgg.top_five(logits)]
    assert probabilities == sorted(probabilities, reverse=True)
    picture = vgg.Picture("a", Image.new("RGB", (230, 300), "red"))
    assert vgg.classify(random_vgg, [picture, picture]).shape == (2, 1000)


def test_filter_responses_are_the_convolution_by_hand(random_vgg):
    picture = vgg.Picture("a", Image.effect_noise((240, 240), 60).convert("RGB"))
    found = vgg.first_filters(random_vgg, picture, 2)
    x = vgg.preprocess(picture.image)
    bias = random_vgg.network.features[0].bias[1]
    by_hand = (x[:, 9:12, 19:22] * found.filters[1]).sum() + bias
    torch.testing.assert_close(found.responses[1, 10, 20], by_hand, rtol=1e-4, atol=1e-5)


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
    assert vgg.answers_to(weights) == words
