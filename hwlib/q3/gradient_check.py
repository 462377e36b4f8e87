"""The network's gradients compared with autograd's, an independent check of the chain rule.

The network, its training and its evaluation never use this module.
"""

from copy import deepcopy

import pandas as pd
import torch
from torch import Tensor

from hwlib.q3.mlp import FullyConnectedNetwork, cross_entropy


def autograd_gradients(network: FullyConnectedNetwork, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """Return the gradients of the mean cross-entropy by name, by autograd through ``forward``."""
    network = deepcopy(network)
    leaves = {name: value.requires_grad_() for name, value in network.state_dict().items()}
    loss = cross_entropy(y, network.forward(x))
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))


def check_network(network: FullyConnectedNetwork, x: Tensor, y: Tensor) -> pd.DataFrame:
    """Return a row for each parameter: its shape, the largest gradient by hand, and the largest
    difference from autograd's.
    """
    expected = autograd_gradients(network, x, y)
    rows = {
        name: {
            "shape": " × ".join(map(str, gradient.shape)),
            "largest gradient": f"{gradient.abs().max():.1e}",
            "largest difference from autograd": f"{(gradient - expected[name]).abs().max():.1e}",
        }
        for name, gradient in network.gradients(x, y, network.forward(x)).items()
    }
    return pd.DataFrame.from_dict(rows, orient="index")
