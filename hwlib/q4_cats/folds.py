"""Five folds of the training images, held out in turns: to choose a recipe without validation or
test set, and to say how good it is (Question 4.I).
"""

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from hwlib.common.images import ImageSet
from hwlib.q4_cats.eda import near_duplicates

FOLDS = 5


def twin_groups(images: ImageSet) -> Tensor:
    """Return group numbers (N,): near-duplicates, directly or by other pictures, share one."""
    count = len(images.labels)
    first, second = near_duplicates(images, images).T.numpy()
    links = coo_array((np.ones(len(first)), (first, second)), shape=(count, count))
    return torch.from_numpy(connected_components(links, directed=False)[1])


def subset(images: ImageSet, chosen: Tensor) -> ImageSet:
    """Return the pictures for which ``chosen`` (N,) is true, in their order."""
    paths = [path for path, taken in zip(images.paths, chosen.tolist(), strict=True) if taken]
    return ImageSet(images.images[chosen], images.labels[chosen], paths, images.class_names)


def fold_numbers(images: ImageSet) -> Tensor:
    """Return the fold of every picture, from 1 to FOLDS, (N,): every class is dealt evenly into the
    folds, at random but always in the same way; near-duplicates share one.
    """
    groups, generator = twin_groups(images), torch.Generator().manual_seed(0)
    folds = torch.zeros(len(images.labels), dtype=torch.int64)  # 0: none yet
    for label in range(len(images.class_names)):
        members = (images.labels == label).nonzero().flatten()
        full, fold = round(len(members) / FOLDS), 1
        for index in members[torch.randperm(len(members), generator=generator)]:
            while fold < FOLDS and (folds[members] == fold).sum() >= full:
                fold += 1
            if not folds[index]:
                folds[groups == groups[index]] = fold
    return folds


def hold_out(images: ImageSet, fold: int = 1) -> tuple[ImageSet, ImageSet]:
    """Return the pictures outside a fold, for training, and those in it, a fifth of each class."""
    held_out = fold_numbers(images) == fold
    return subset(images, ~held_out), subset(images, held_out)
