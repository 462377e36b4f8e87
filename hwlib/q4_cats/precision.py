"""Numbers of 16 bits, by which a GPU convolves fast, and what float16 needs so that its gradients
do not vanish (Question 4.I).
"""

import torch


def short_type(device: torch.device) -> torch.dtype | None:
    """Return the type of 16 bits in which a GPU convolves fast: bfloat16 from compute capability
    8.0 on, float16 on older cards, as T4 and P100; None for a CPU, which stays at float32.
    """
    if device.type != "cuda":
        return None
    modern = torch.cuda.get_device_capability(device) >= (8, 0)
    return torch.bfloat16 if modern else torch.float16


def mixed_precision(device: torch.device) -> torch.autocast:
    """Return a context in which convolutions compute in the device's short type, if it has one."""
    short = short_type(device)
    return torch.autocast(device.type, short or torch.bfloat16, enabled=short is not None)


def loss_scaler(device: torch.device) -> torch.amp.GradScaler:
    """Return what scales the loss for float16, whose gradients would vanish; for all other types it
    does nothing.
    """
    return torch.amp.GradScaler(device.type, enabled=short_type(device) == torch.float16)


def unscale_gradients(scaler: torch.amp.GradScaler, optimizer: torch.optim.Optimizer) -> None:
    """Divide an optimiser's gradients by the loss's scale; what has overflowed becomes 0, and the
    scale is halved after the step. (``scaler.step`` would leave the step out instead, but waits for
    the GPU to know.)
    """
    scaler.unscale_(optimizer)
    if scaler.is_enabled():
        for group in optimizer.param_groups:
            for weight in group["params"]:
                weight.grad.nan_to_num_(nan=0, posinf=0, neginf=0)
