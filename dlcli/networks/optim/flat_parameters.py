"""The weights of one network in one stretch of memory, and the copy of them that the steps are computed with."""

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import groupby

import torch
from torch import Tensor, nn

from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.phases import even_phases_

BEHIND = 3  # numbers behind the gradient that are added up over processes with it


class FlatParameters:
    """All weights of a network as one vector (P,), ``flat``, with their gradient.

    An optimizer, a check or an average then takes one operation where it would take one for each weight: between two
    convolutions, which empty the caches, each costs some 20 microseconds whatever it does. The network's parameters
    become views of the vector. The ``hidden`` kernels come first, those of one shape next to each other: ``matrices``
    are views of them, each (count, rows, columns), and ``rest`` is a view of what follows. ``flat``, ``matrices`` and
    ``rest`` are leaves whose gradients are views of one vector, for an optimizer to take. That vector is the beginning
    of ``to_add``, (P + BEHIND), which several processes add up in one go.

    With ``half`` the network is trained as a bfloat16 copy, ``compute_model``, and its float32 weights, which sum up
    steps that are too small for bfloat16, are those of ``network`` (mixed precision: Micikevicius et al. 2018).
    Without, ``compute_model`` is the network itself.

    Phases that are to be even stay so: who changes ``flat`` calls ``even_gradient`` before and ``even_weights`` after.
    """

    def __init__(self, network: nn.Module, hidden: Sequence[nn.Parameter] = (), *, half: bool = False) -> None:
        self.network = network
        first = sorted(hidden, key=lambda weight: weight.shape)
        chosen = {id(weight) for weight in hidden}
        ordered = first + [weight for weight in network.parameters() if id(weight) not in chosen]
        size = sum(weight.numel() for weight in ordered)
        like = ordered[0].detach()
        self.flat = nn.Parameter(like.new_empty(size))
        self.to_add = like.new_zeros(size + BEHIND)
        self.flat.grad = self.to_add[:size]
        self._ordered = ordered
        name_of = {id(weight): name for name, weight in network.named_parameters()}
        self._names = [name_of[id(weight)] for weight in ordered]
        for weight, view in zip(ordered, self.views(self.flat.detach()), strict=True):
            view.copy_(weight.detach())
            weight.data = view
        self._gradients = list(self.views(self.flat.grad))
        self._even_layers = network.even_layers() if isinstance(network, DeconvNet) else {}
        self._by_name, self._gradients_by_name = self.named(self.flat.detach()), self.named(self.flat.grad)
        self.matrices, end = [], 0
        for shape, alike in groupby(weight.shape for weight in first):
            count, rows, columns = len(list(alike)), shape[0], shape[1:].numel()
            start, end = end, end + count * shape.numel()
            self.matrices.append(self._leaf(start, end, count, rows, columns))
        self.rest = self._leaf(end, size, size - end)
        self.compute_model, self._copied = network, None
        self._differentiated: list[nn.Parameter] = ordered
        if half:
            self.compute_model = copy.deepcopy(network).bfloat16()
            self._copied = self.flat.detach().bfloat16()
            self._differentiated = [self.compute_model.get_parameter(name) for name in self._names]
            for weight, view in zip(self._differentiated, self.views(self._copied), strict=True):
                weight.data = view
        self._fixed = list(zip(self.compute_model.buffers(), network.buffers(), strict=True)) if half else []

    def _leaf(self, start: int, end: int, *shape: int) -> nn.Parameter:
        assert self.flat.grad is not None
        leaf = nn.Parameter(self.flat.detach()[start:end].view(shape))
        leaf.grad = self.flat.grad[start:end].view(shape)
        return leaf

    def views(self, vector: Tensor) -> Iterator[Tensor]:
        """The parts of ``vector`` (P,) in the shapes of the weights, each laid out as its weight is."""
        start = 0
        for weight in self._ordered:
            part = vector[start : start + weight.numel()]
            start += weight.numel()
            yield part.as_strided(weight.shape, weight.stride())

    @cached_property
    def is_weight(self) -> Tensor:
        """1 where ``flat`` holds weights, 0 where biases, (P,)."""
        return torch.cat([torch.full((w.numel(),), float(w.ndim > 1), device=w.device) for w in self._ordered])

    @property
    def dtype(self) -> torch.dtype:
        """What ``compute_model`` computes in."""
        return self._differentiated[0].dtype

    @property
    def gradient(self) -> Tensor:
        """That of ``flat``, (P,)."""
        assert self.flat.grad is not None
        return self.flat.grad

    def backward(self, loss: Tensor) -> None:
        """Put the gradient of ``loss``, a scalar that ``compute_model`` gave, into ``gradient``."""
        self.take([self.differentiated(loss)])

    def differentiated(self, loss: Tensor) -> tuple[Tensor, ...]:
        """The gradient of ``loss``, a scalar that ``compute_model`` gave, weight by weight, for ``take``."""
        return torch.autograd.grad(loss, self._differentiated)

    def take(self, parts: Sequence[tuple[Tensor, ...]]) -> None:
        """Put the sum of ``parts``, one or more, into ``gradient``."""
        torch._foreach_copy_(self._gradients, parts[0])
        for part in parts[1:]:
            torch._foreach_add_(self._gradients, part)

    def even_gradient(self) -> None:
        """Make the gradient that of weights whose phases are even."""
        even_phases_(self._even_layers, self._gradients_by_name)

    def even_weights(self) -> None:
        """Make the weights' phases even after a step: optimizers with a rate for each weight leave them uneven."""
        even_phases_(self._even_layers, self._by_name)

    @torch.no_grad()
    def sync(self) -> None:
        """Tell ``compute_model`` that the weights, or what is not trained, have changed."""
        if self._copied is not None:
            self._copied.copy_(self.flat)
        for copied, fixed in self._fixed:
            copied.copy_(fixed)

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """The parts of ``vector`` (P,), by the names of the parameters."""
        return dict(zip(self._names, self.views(vector), strict=True))
