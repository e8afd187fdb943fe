"""Loss and gradient of a network on a batch, by compiled code or by Python."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dlcli.networks.data.batch import Batch
from dlcli.networks.losses.base import Model
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.pull import Pull
from dlcli.networks.tensors import float64
from dlcli.networks.training.step.lanes import Lanes
from dlcli.networks.training.step.settings import NetworkSettings

DROPOUT = 3  # tells the stream of random numbers from those of the crops and of the noise

Objective = Callable[[Model, Batch], Tensor]


class LossGradient:
    """The loss of a batch, and its gradient, which goes into ``weights.gradient``.

    With a ``pull`` the gradient is that of the loss and of the distance from where it pulls; the loss is without.
    """

    def __init__(self, weights: FlatParameters, objective: Objective, settings: NetworkSettings) -> None:
        self.weights, self.settings = weights, settings
        self.network: Any = weights.compute_model
        self.compute_loss = objective
        self._loss_of = self._compiled() if settings.compiled else self._forward
        self._differentiated = False
        self.pull: Pull | None = None
        on_cpu = weights.flat.device.type == "cpu"
        usable = on_cpu and not settings.compiled and settings.dropout_seed is None
        products = weights.flat.numel() * settings.places if on_cpu else math.inf
        self.lanes = Lanes(weights, self._forward, products, usable=usable)

    @property
    def compiled(self) -> bool:
        """Whether the loss is computed by compiled code."""
        return self._loss_of != self._forward

    def use_python(self) -> None:
        """Compute by Python from here on, not by compiled code."""
        self._loss_of = self._forward

    def train(self) -> None:
        """Switch the network to training."""
        if not self.network.training:
            self.network.train()

    @torch.no_grad()
    def measure(self, batch: Batch) -> float:
        """The loss of the batch, without a gradient."""
        return float(self._loss_of(batch))

    def backward(self, batch: Batch, step: int) -> float:
        """The loss of the batch; the gradient is computed. ``step``, counted from 0, chooses the units dropped."""
        self.seed(step)
        return float(self.differentiate(batch).detach())

    def drops_by(self, seed: int) -> None:
        """Choose the units that are dropped by another seed, where any are."""
        if self.settings.dropout_seed is not None:
            self.settings = replace(self.settings, dropout_seed=seed)

    def seed(self, step: int) -> None:
        """Choose the units that are dropped in ``step``, counted from 0."""
        if self.settings.dropout_seed is not None:
            # From the step alone, so that a run taken up again, or one of many in a process, drops the same units.
            # Each rank drops its own, as its images are its own.
            rank = (self.settings.ranks.rank,) if self.settings.ranks.rank else ()
            state = np.random.SeedSequence((self.settings.dropout_seed, step, DROPOUT, *rank)).generate_state(1)
            torch.manual_seed(int(state[0]))

    def differentiate(self, batch: Batch) -> Tensor:
        """The loss of the batch, not read; the gradient is computed."""
        if self.lanes.count(len(batch.input)) > 1:
            loss = self.lanes.backward(batch)
        else:
            loss = self._loss_of(batch)
            self.weights.backward(loss)
        if self.pull is not None:
            self.pull.add_to(self.weights.gradient, self.weights.flat.detach())
        self._differentiated = True
        return loss

    def clear(self) -> float:
        """The loss and the gradient of no image: 0."""
        self.weights.gradient.zero_()
        self._differentiated = True
        return 0.0

    def clip(self) -> bool:
        """Clip the gradient to the norm of --clip, if given; returns whether it is finite."""
        gradient = self.weights.gradient
        if self.settings.clip is not None:
            norm = float(gradient.norm())
            gradient.mul_(min(1.0, self.settings.clip / (norm + 1e-6)))
            return math.isfinite(norm)
        # The sum of finite numbers may be too large.
        return math.isfinite(float(gradient.sum())) or bool(gradient.isfinite().all())

    def norm(self) -> float:
        """Euclidean norm of the last gradient; nan before the first."""
        return math.sqrt(float(float64(self.weights.gradient).square().sum())) if self._differentiated else math.nan

    def _forward(self, batch: Batch) -> Tensor:
        return self.compute_loss(self._model, batch)

    def _model(self, x: Tensor, base: Tensor | None = None) -> Tensor:
        output: Tensor = self.network(x.to(self.weights.dtype), x if base is None else base)
        return output.float()

    def _compiled(self) -> Callable[[Batch], Tensor]:
        """``_forward``, the loss with it, so that its operations are fused with the network's last."""
        if self.weights.flat.device.type != "cpu":
            return torch.compile(self._forward)
        # Python's calls between the convolutions, which empty the caches, would cost 0.8% of the default's step.
        return torch.compile(self._forward, options={"cpp_wrapper": True})
