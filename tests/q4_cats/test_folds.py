"""Folds of the training pictures."""

import torch

from hwlib.common.images import ImageSet
from hwlib.q4_cats import folds


def test_folds_are_a_fifth_of_every_class_and_keep_twins_together():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (60, 3, 16, 16), generator=generator, dtype=torch.uint8)
    images[1] = images[0].flip(-1)  # a mirrored twin
    images[5], images[7] = images[3], images[3]
    images[41] = images[2]  # of another class
    names = [str(number) for number in range(60)]
    labels = torch.arange(3).repeat_interleave(20)
    everything = ImageSet(images, labels, names, ["a", "b", "c"])
    splits = [folds.hold_out(everything, fold) for fold in range(1, 6)]
    for train, held in splits:
        assert sorted(train.paths + held.paths) == sorted(names)
        assert all(3 <= count <= 6 for count in torch.bincount(held.labels).tolist())
        for twins in ({"0", "1"}, {"3", "5", "7"}, {"2", "41"}):
            assert len(twins & set(held.paths)) in (0, len(twins))
    assert sorted(path for _, held in splits for path in held.paths) == sorted(names)
    assert torch.equal(folds.fold_numbers(everything), folds.fold_numbers(everything))
