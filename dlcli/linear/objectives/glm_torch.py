"""The same objectives with the rows on a GPU, in float64; theta stays a NumPy array, as it is small."""

from typing import Any

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.linear.objectives.glm import RowObjective, Sums
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import WeightedPenalty


class TorchObjective(RowObjective):
    """RowObjective whose rows live on ``device`` ("cuda", "cuda:1", or "cpu" in tests)."""

    def __init__(
        self,
        Z: FloatArray,
        y: FloatArray,
        kind: Kind,
        outputs: int,
        penalty: WeightedPenalty,
        *,
        device: str,
    ) -> None:
        import torch

        super().__init__(Z[:0], y[:0], kind, outputs, penalty)
        self.rows = len(y)
        self.device = device
        self._Z = torch.from_numpy(Z).to(device)
        self._y = torch.from_numpy(y).to(device)
        self._codes = self._y.long() if kind != "mse" else self._y

    def _all_sums(self, theta: FloatArray, hessian: bool) -> Sums:
        return self._torch_sums(self._Z, self._y, self._codes, theta, hessian)

    def mean_squares(self) -> FloatArray:
        """Mean of z^2 over the rows, (p,)."""
        return _numpy((self._Z * self._Z).mean(dim=0))

    def fourth_moments(self, basis: FloatArray | None = None) -> FloatArray:
        """Mean of |z|^2 zz' over the rows, (p, p), or (r, r) of it in a ``basis`` (p, r)."""
        import torch

        weight = (self._Z * self._Z).sum(dim=1, keepdim=True)
        Z = self._Z if basis is None else self._Z @ torch.from_numpy(basis).to(self.device)
        return _numpy((Z * weight).T @ Z) / self.rows

    def batch_gradient(self, theta: FloatArray, rows: IntArray, keep: FloatArray | None) -> FloatArray:
        """Gradient of the smooth part over some rows."""
        import torch

        chosen = torch.from_numpy(rows).to(self.device)
        Z = self._Z[chosen]
        if keep is not None:
            Z = Z * torch.from_numpy(keep).to(self.device)
        gradient = self._torch_sums(Z, self._y[chosen], self._codes[chosen], theta, False).gradient
        return gradient / len(rows) + self.l2 * self.penalized**2 * theta

    def _torch_sums(self, Z: Any, y: Any, codes: Any, theta: FloatArray, hessian: bool) -> Sums:
        import torch

        scores = Z @ torch.from_numpy(np.ascontiguousarray(theta)).to(self.device)
        if self.kind == "mse":
            residual = scores[:, 0] - y
            second = _numpy(Z.T @ Z) if hessian else None
            return Sums(0.5 * float(residual @ residual), _numpy(Z.T @ residual)[:, None], second, -np.inf)
        if self.kind == "logistic":
            scores = torch.cat([torch.zeros_like(scores), scores], dim=1)
        index = codes[:, None]
        right = scores.gather(1, index)
        rival = scores.scatter(1, index, float("-inf")).amax(dim=1, keepdim=True)
        log_probability = torch.log_softmax(scores, dim=1)
        probability = log_probability.exp()
        loss = -float(log_probability.gather(1, index).sum())
        error = probability.scatter_add(1, index, torch.full_like(right, -1.0))
        if self.kind == "logistic":
            probability, error = probability[:, 1:], error[:, 1:]
        second = self._second(Z, probability) if hessian else None
        margins = right - rival
        return Sums(loss, _numpy(Z.T @ error), second, float(margins.min()), float(margins.max()))

    def _second(self, Z: Any, probability: Any) -> FloatArray:
        p, k = Z.shape[1], probability.shape[1]
        second = np.empty((k * p, k * p))
        for a in range(k):
            for b in range(k):
                weight = probability[:, a] * (float(a == b) - probability[:, b])
                second[a * p : (a + 1) * p, b * p : (b + 1) * p] = _numpy((Z * weight[:, None]).T @ Z)
        return second


def _numpy(tensor: Any) -> FloatArray:
    array: FloatArray = tensor.cpu().numpy()
    return array
