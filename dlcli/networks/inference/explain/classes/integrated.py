"""Integrated gradients (Sundararajan, Taly and Yan 2017), with as many steps as completeness takes."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dlcli.networks.inference.explain.classes.parts import by_rows, rows_at_once

FIRST_STEPS, TIMES, MOST_STEPS = 18, 3, 4374
TOLERANCE = 0.01  # of the difference of the scores, by which the sum of a map may miss it

Score = Callable[[Tensor, Tensor], Tensor]  # of images (B, C, H, W) and their classes (B,): (B,)


@dataclass(frozen=True, eq=False)
class Integrated:
    """Maps (B, C, H, W) whose sums are ``scores - baseline_scores`` (B,), as far as ``steps`` (B,) make it so."""

    maps: Tensor
    scores: Tensor
    baseline_scores: Tensor
    steps: Tensor

    @property
    def sums(self) -> Tensor:
        """Of each map, (B,) in float64."""
        return self.maps.double().sum((1, 2, 3))

    @property
    def gaps(self) -> Tensor:
        """By what share of the difference of the scores the sum misses it, (B,)."""
        difference = (self.scores - self.baseline_scores).double()
        return (self.sums - difference).abs() / difference.abs().clamp(min=torch.finfo(torch.float32).tiny)


def integrated_gradients(
    score: Score, x: Tensor, baseline: Tensor, classes: Tensor, most: int = MOST_STEPS
) -> Integrated:
    """Of each image x (B, C, H, W) the share of each pixel in the score of its class (B,), against a ``baseline``.

    The baseline (1 or B, C, H, W) is what an image without anything to see looks like. Gradients are taken at the
    middles of equal steps on the straight line from it to the image. By the completeness axiom a map sums to the
    difference of the scores at both ends: where the sum misses it by more than ``TOLERANCE``, each step is divided in
    three, whose middle one is known already, up to ``most`` steps.
    """
    baseline = baseline.expand_as(x)
    with torch.no_grad():
        ends = [by_rows(lambda at, of: score(at, of).double(), one, classes) for one in (x, baseline)]
    sums = _gradients(score, x, baseline, classes, _middles(FIRST_STEPS))
    steps = torch.full((len(x),), FIRST_STEPS)
    while True:
        found = Integrated(
            (x - baseline) * (sums / steps.view(-1, 1, 1, 1).to(sums)).to(x), ends[0], ends[1], steps.clone()
        )
        open_ones = ((found.gaps.cpu() > TOLERANCE) & (steps < most)).nonzero()[:, 0]
        if not len(open_ones):
            return found
        count = int(steps[open_ones[0]])  # all open ones were refined as often
        new = [at for number, at in enumerate(_middles(TIMES * count)) if number % TIMES != TIMES // 2]
        place = open_ones.to(x.device)
        sums[place] += _gradients(score, x[place], baseline[place], classes[place], new)
        steps[open_ones] = TIMES * count


def _middles(steps: int) -> list[float]:
    return [(number + 0.5) / steps for number in range(steps)]


def _gradients(score: Score, x: Tensor, baseline: Tensor, classes: Tensor, places: list[float]) -> Tensor:
    """Sums of the scores' gradients at ``places`` between the baseline (0) and each image (1)."""
    total = torch.zeros_like(x, dtype=torch.float32 if x.device.type == "mps" else torch.float64)
    together = max(1, rows_at_once(x) // len(x))
    for start in range(0, len(places), together):
        shares = torch.tensor(places[start : start + together], device=x.device, dtype=x.dtype).view(-1, 1, 1, 1, 1)
        at = baseline + shares * (x - baseline)
        gradients = by_rows(lambda at, of: _gradient(score, at, of), at.flatten(0, 1), classes.repeat(len(shares)))
        total += gradients.view(at.shape).sum(0, dtype=total.dtype)
    return total


def _gradient(score: Score, at: Tensor, classes: Tensor) -> Tensor:
    at = at.detach().requires_grad_(True)
    found: Tensor = torch.autograd.grad(score(at, classes).sum(), at)[0]
    return found
