"""Checkpoints that cannot be read."""

import pytest
import torch

from hwlib.common.images import ImageSet
from hwlib.q4_cats import cnn, training
from hwlib.q4_cats.recipe import Recipe


def train_a_little(checkpoint) -> int:
    """Number of epochs done, of two, with a tiny network and set."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (20, 3, 48, 48), dtype=torch.uint8)
    pictures = ImageSet(images, torch.arange(20) % 2, [], ["A", "B"])
    recipe = Recipe(epochs=2, sizes=((16, 1.0),), batch_size=10)
    net = lambda: cnn.BigCatsNet(2, (4, 4, 4, 4))  # noqa: E731
    trained = training.train_classifier(net, pictures, pictures, recipe, checkpoint=checkpoint)
    return len(trained.history["train_loss"])


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", None])
def test_a_damaged_or_older_checkpoint_is_no_end(tmp_path, capsys, damage):
    path = tmp_path / "checkpoint.pt"
    torch.save({"key": "of another training"}, path)
    if damage is not None:
        path.write_bytes(damage)
    assert train_a_little(path) == 2
    said = capsys.readouterr()
    assert ("damaged" in said.out + said.err) == (damage is not None)
