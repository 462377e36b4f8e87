"""Numbers of 16 bits."""

import pytest
import torch
from torch import nn

from hwlib.q4_cats import precision


def test_what_overflows_in_float16_counts_as_zero_and_halves_the_scale():
    """Gradients beside those of float32; a scale too large is halved until nothing overflows."""
    scaler, weight = torch.amp.GradScaler("cpu", init_scale=2.0**20), nn.Parameter(torch.ones(2))
    optimizer, scales = torch.optim.SGD([weight], lr=0.0), []
    for _ in range(6):
        optimizer.zero_grad()
        part = (weight * torch.tensor([0.5, 1e-9])).half()  # d/dw: 0.5 and 1e-9 after all
        (scaler.scale(part.sum().float())).backward()
        precision.unscale_gradients(scaler, optimizer)
        assert weight.grad.isfinite().all()
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [2.0**19, 2.0**18, 2.0**17, 2.0**16, 2.0**15, 2.0**15]
    torch.testing.assert_close(weight.grad, torch.tensor([0.5, 1e-9]), rtol=2e-3, atol=0)


@pytest.mark.parametrize(
    ("capability", "short"),
    [((6, 0), "float16"), ((7, 5), "float16"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16")],
)
def test_older_cards_compute_in_float16_with_a_scaler(monkeypatch, capability, short):
    """P100, T4, A100, H100."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    card = torch.device("cuda")
    assert precision.short_type(card) == getattr(torch, short)
    assert precision.loss_scaler(card).is_enabled() == (short == "float16")
    assert precision.short_type(torch.device("cpu")) is None
    assert not precision.loss_scaler(torch.device("cpu")).is_enabled()
