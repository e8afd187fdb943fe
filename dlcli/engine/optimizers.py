"""The optimizers of networks, and their state as plain tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dlcli.engine.muon import Muon

RATES = {"adam": 2e-3, "adamw": 2e-3, "sgd": 0.02, "muon": 0.01}
# Adam's share of Muon's rate, for the ends of the network and the biases.
ADAM_SHARE = 0.2
BETAS = (0.9, 0.99)


def make_optimizers(
    network: nn.Module, hidden: Sequence[nn.Parameter], name: str, lr: float, *, momentum: float, l2: float
) -> list[torch.optim.Optimizer]:
    """Optimizers for all parameters of ``network``; Muon takes the ``hidden`` weights, Adam the rest.

    L2 is added to the gradient by adam and sgd and is decoupled weight decay for adamw and muon.
    """
    parameters = list(network.parameters())
    if name == "sgd":
        return [torch.optim.SGD(parameters, lr, momentum=momentum, weight_decay=l2, nesterov=momentum > 0)]
    if name == "adam":
        return [torch.optim.Adam(parameters, lr, betas=BETAS, weight_decay=l2, fused=True)]
    if name == "adamw":
        return [torch.optim.AdamW(parameters, lr, betas=BETAS, weight_decay=l2, fused=True)]
    chosen = {id(weight) for weight in hidden}
    rest = [p for p in parameters if id(p) not in chosen]
    adam = torch.optim.AdamW(rest, lr * ADAM_SHARE, betas=BETAS, weight_decay=l2, fused=True)
    return [Muon(hidden, lr, weight_decay=l2), adam] if hidden else [adam]


def optimizer_tensors(optimizers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """The optimizers' states as CPU tensors by name, ``optimizer.NUMBER.PARAMETER.NAME``."""
    tensors: dict[str, Tensor] = {}
    for number, optimizer in enumerate(optimizers):
        for index, values in optimizer.state_dict()["state"].items():
            for name, value in values.items():
                if value is not None:
                    tensors[f"optimizer.{number}.{index}.{name}"] = torch.as_tensor(value).detach().cpu()
    return tensors


def restore_optimizers(optimizers: Sequence[torch.optim.Optimizer], tensors: dict[str, Tensor]) -> None:
    """Give the optimizers the states that ``optimizer_tensors`` took."""
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            parts = key.split(".")
            if parts[0] == "optimizer" and int(parts[1]) == number:
                state.setdefault(int(parts[2]), {})[parts[3]] = tensor
        saved = optimizer.state_dict()
        optimizer.load_state_dict({"state": state, "param_groups": saved["param_groups"]})
        for parameter, values in optimizer.state.items():
            for name, value in values.items():
                if value.shape == parameter.shape:
                    # The fused kernels walk through memory, so a state must lie there as its parameter does.
                    values[name] = torch.empty_like(parameter).copy_(value)
