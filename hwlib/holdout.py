"""Training images kept back, to choose a recipe without validation or test set (Question 4.I)."""

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from hwlib.eda import near_duplicates
from hwlib.pictures import ImageSet

ALIKE = 0.93  # correlation from which two pictures count as near-duplicates
SHARE = 0.2  # of every class that is held out


def twin_groups(images: ImageSet) -> Tensor:
    """Group numbers (N,): near-duplicates, directly or by way of other pictures, share one."""
    count = len(images.labels)
    pairs = np.array([pair[:2] for pair in near_duplicates(images, images, ALIKE)]).T
    links = coo_array((np.ones(pairs.shape[1]), tuple(pairs)), shape=(count, count))
    return torch.from_numpy(connected_components(links, directed=False)[1])


def select(images: ImageSet, chosen: Tensor) -> ImageSet:
    """The pictures for which ``chosen`` (N,) is true, in their order."""
    paths = [path for path, taken in zip(images.paths, chosen.tolist(), strict=True) if taken]
    return ImageSet(images.images[chosen], images.labels[chosen], paths, images.class_names)


def hold_out(images: ImageSet) -> tuple[ImageSet, ImageSet]:
    """What is left for training, and a fixed fifth of every class, held out at random;
    near-duplicates stay on one side.
    """
    groups, generator = twin_groups(images), torch.Generator().manual_seed(0)
    held = torch.zeros(len(images.labels), dtype=torch.bool)
    for label in range(len(images.class_names)):
        members = (images.labels == label).nonzero().flatten()
        wanted = round(SHARE * len(members))
        for index in members[torch.randperm(len(members), generator=generator)]:
            if (held & (images.labels == label)).sum() < wanted and not held[index]:
                held |= groups == groups[index]
    return select(images, ~held), select(images, held)
