"""The optimizers of networks, and their state as plain tensors."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dlcli.engine.ranks import ALONE, Ranks
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.muon import Muon

RATES = {"adam": 2e-3, "adamw": 2e-3, "sgd": 0.02, "muon": 0.01}
# Adam's share of Muon's rate, for the ends of the network and the biases.
ADAM_SHARE = 0.2
BETAS = (0.9, 0.99)


def make_optimizers(
    weights: FlatParameters, name: str, lr: float, *, momentum: float, l2: float, ranks: Ranks = ALONE
) -> list[torch.optim.Optimizer]:
    """Optimizers for all ``weights``; Muon takes the hidden kernels, Adam the rest.

    L2 is added to the gradient by adam and sgd and is decoupled weight decay for adamw and muon. Several ``ranks`` deal
    Muon's matrices out.
    """
    if name == "sgd":
        fused = weights.flat.is_cuda  # on a CPU it would round otherwise than the loop that everybody writes
        nesterov = momentum > 0
        return [torch.optim.SGD([weights.flat], lr, momentum, weight_decay=l2, nesterov=nesterov, fused=fused)]
    if name == "adam":
        return [torch.optim.Adam([weights.flat], lr, betas=BETAS, weight_decay=l2, fused=True)]
    if name == "adamw":
        return [torch.optim.AdamW([weights.flat], lr, betas=BETAS, weight_decay=l2, fused=True)]
    adam = torch.optim.AdamW([weights.rest], lr * ADAM_SHARE, betas=BETAS, weight_decay=l2, fused=True)
    return [Muon(weights.matrices, lr, weight_decay=l2, ranks=ranks), adam] if weights.matrices else [adam]


def l1_rates(optimizer: torch.optim.Optimizer, number: int) -> Tensor | float:
    """What L1's strength is multiplied by in the proximal step after a step of the parameter ``number``.

    With adam and sgd L1 is a part of the loss, as L2 is: the step is in the optimizer's own metric (Yun, Lozano and
    Yang 2021), so that it rests where the subgradient is 0. With adamw and muon it is decoupled, as their L2 is.
    """
    group = optimizer.param_groups[0]
    rate = float(group["lr"])
    if type(optimizer) is torch.optim.SGD:
        return rate / (1 - float(group["momentum"]))
    if type(optimizer) is torch.optim.Adam:
        state = optimizer.state[group["params"][number]]
        root = (state["exp_avg_sq"] / (1 - group["betas"][1] ** float(state["step"]))).sqrt_()
        rates: Tensor = rate / root.add_(float(group["eps"]))
        return rates
    return rate


@torch.no_grad()
def shrink(optimizers: Sequence[torch.optim.Optimizer], weights: FlatParameters, l1: float) -> None:
    """L1 of strength ``l1`` as a proximal step on the weights (not the biases): exact zeros."""
    for optimizer in optimizers:
        for number, part in enumerate(optimizer.param_groups[0]["params"]):
            least = l1 * l1_rates(optimizer, number)
            # Hidden kernels apart, the parts are the end of all weights, biases among them.
            mask = weights.is_weight[-part.numel() :] if part.ndim == 1 else 1.0
            part.copy_(part.sign() * (part.abs() - least * mask).clamp_(min=0))


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
    """Give the optimizers the states that ``optimizer_tensors`` took. Raises ValueError for those of other weights."""
    for number, optimizer in enumerate(optimizers):
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            parts = key.split(".")
            if parts[0] == "optimizer" and int(parts[1]) == number:
                state.setdefault(int(parts[2]), {})[parts[3]] = tensor
        saved = optimizer.state_dict()
        for group in optimizer.param_groups:
            shapes = [parameter.shape for parameter in group["params"]]
            if any(v.numel() > 1 and v.shape != shapes[i] for i in state if i < len(shapes) for v in state[i].values()):
                raise ValueError("its optimizer's state is of other weights")
        optimizer.load_state_dict({"state": state, "param_groups": saved["param_groups"]})
