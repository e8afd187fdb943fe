"""The weights of many networks of one shape as the rows of one matrix."""

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.phases import even_phases_


class BatchedWeights:
    """The weights of K networks, copied: ``flat`` (K, P) has a network in each row, ``gradient`` lies alike.

    An optimizer then takes as many operations for all networks as for one. ``views`` are the parameters by name,
    (K, ...), as slices of ``flat``.
    The hidden kernels come first, those of one shape next to each other: ``hidden`` lists how many of them there
    are, each as a matrix of so many rows and columns.
    """

    def __init__(self, networks: Sequence[DeconvNet]) -> None:
        first = networks[0]
        self.shapes = {name: parameter.shape for name, parameter in first.named_parameters()}
        name_of = {id(parameter): name for name, parameter in first.named_parameters()}
        hidden = sorted((name_of[id(weight)] for weight in first.hidden_weights()), key=lambda n: self.shapes[n])
        order = hidden + [name for name in self.shapes if name not in hidden]
        alike = groupby(self.shapes[name] for name in hidden)
        self.hidden = [(len(list(same)), shape[0], shape[1:].numel()) for shape, same in alike]
        self._places: dict[str, slice] = {}
        end = 0
        for name in order:
            self._places[name] = slice(end, end := end + self.shapes[name].numel())
        with torch.no_grad():
            self.flat = torch.stack([_row(network, order) for network in networks])
        self.gradient = torch.zeros_like(self.flat)
        # 1 for the entries of kernels and matrices, 0 for those of biases.
        self.is_weight = torch.zeros_like(self.flat[0])
        for name in order:
            self.is_weight[self._places[name]] = float(len(self.shapes[name]) > 1)
        self._even_layers = first.even_layers()
        self._bind()

    def _bind(self) -> None:
        self.views = {name: self._slice(self.flat, name).detach().requires_grad_() for name in self.shapes}
        self._gradients = {name: self._slice(self.gradient, name) for name in self.shapes}

    def _slice(self, matrix: Tensor, name: str) -> Tensor:
        return matrix[:, self._places[name]].view(-1, *self.shapes[name])

    def backward(self, total: Tensor) -> None:
        """Put the gradient of ``total``, a scalar that was computed from ``views``, into ``gradient``."""
        torch._foreach_copy_(list(self._gradients.values()), torch.autograd.grad(total, list(self.views.values())))
        even_phases_(self._even_layers, self._gradients)

    def even_weights(self) -> None:
        """Make the phases of each network's layers even, as in ``FlatParameters``."""
        even_phases_(self._even_layers, self.views)

    def keep(self, rows: Tensor) -> None:
        """Drop all networks but those of ``rows``."""
        self.flat, self.gradient = self.flat[rows], self.gradient[rows]
        self._bind()

    def named(self, row: Tensor) -> dict[str, Tensor]:
        """Copies on the CPU, by name, of the parameters in ``row`` (P,), which is of ``flat`` or lies alike."""
        whole = row.detach().cpu()
        return {name: whole[self._places[name]].view(self.shapes[name]).clone() for name in self.shapes}


def _row(network: DeconvNet, order: Sequence[str]) -> Tensor:
    parameters = dict(network.named_parameters())
    return torch.cat([parameters[name].flatten() for name in order]).float()
