"""The same objectives with the rows on a GPU, in float64; theta stays a NumPy array, as it is small.

Sums are added up there block by block, and come back in one piece: a transfer waits for all that came before it.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray, IntArray
from dlcli.errors import DlcliError
from dlcli.linear.objectives.glm import RowObjective, Sums
from dlcli.linear.objectives.loss import Kind
from dlcli.linear.objectives.penalty import WeightedPenalty
from dlcli.linear.objectives.responses import Responses, RowResponses
from dlcli.memory import is_out_of_memory

# Rows that are taken at once: enough to fill a GPU, and little memory beside the rows themselves.
BLOCK = 1 << 18


class TorchObjective(RowObjective):
    """RowObjective whose rows live on ``device`` ("cuda", "cuda:1", or "cpu" in tests)."""

    thins = False

    def __init__(
        self,
        Z: FloatArray,
        y: Responses | FloatArray,
        kind: Kind,
        outputs: int,
        penalty: WeightedPenalty,
        *,
        device: str,
    ) -> None:
        """Raises DlcliError where the device's memory doesn't suffice."""
        import torch

        responses = Responses.of(y)[:]
        super().__init__(Z[:0], responses[:0], kind, outputs, penalty)
        self.rows, self.total = len(responses), responses.total()
        self.device = device
        weights, offset = responses.weights, responses.offset
        try:
            self._Z = torch.from_numpy(Z).to(device)
            self._y = torch.from_numpy(responses.y).to(device)
            self._weights = None if weights is None else torch.from_numpy(weights[:, None]).to(device)
            self._offset = None if offset is None else torch.from_numpy(offset[:, None]).to(device)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            size = f"{Z.nbytes / 1e9:,.1f} GB"
            message = f"--device {device}: {len(Z):,} rows of {Z.shape[1]:,} columns take {size}, more than it has free"
            raise DlcliError(message, "use --device cpu") from None
        self._codes = self._y.long() if kind != "mse" else self._y
        self._bent_by_l2 = self.moved(self.l2 * self.penalized**2)

    def _all_sums(self, theta: FloatArray, hessian: bool, offset: bool = True) -> Sums:
        import torch

        moved, total, extremes = self.moved(theta), None, None
        for rows in self._row_blocks():
            added, found = self._block_sums(rows, moved, hessian, offset)
            total = added if total is None else total.add_(added)
            extremes = found if extremes is None else torch.minimum(extremes, found)
        return self._told(torch.cat([total, extremes]), hessian)  # type: ignore[list-item]  # there is a row

    def blocks(self) -> Iterator[tuple[FloatArray, RowResponses]]:
        """Blocks of rows (m, p) and their responses, on the host."""
        for rows in self._row_blocks():
            weights = None if self._weights is None else to_numpy(self._weights[rows])[:, 0]
            yield to_numpy(self._Z[rows]), RowResponses(to_numpy(self._y[rows]), weights)

    def with_penalty(self, penalty: WeightedPenalty) -> RowObjective:
        """The same objective with another penalty: the rows stay where they are."""
        other = super().with_penalty(penalty)
        assert isinstance(other, TorchObjective)
        other._bent_by_l2 = self.moved(other.l2 * other.penalized**2)
        return other

    def mean_squares(self) -> FloatArray:
        """Mean of z^2 over the rows, (p,)."""
        sums = (self._weighted(self._Z[rows] * self._Z[rows], rows).sum(dim=0) for rows in self._row_blocks())
        return to_numpy(sum(sums)) / self.total

    def fourth_moments(self, basis: FloatArray | None = None) -> FloatArray:
        """Mean of w^2 |z|^2 zz' over the rows, (p, p), or (r, r) of it in a ``basis`` (p, r); w is 1 on average."""
        turn, total = None if basis is None else self.moved(basis), self._Z.new_zeros(())
        for rows in self._row_blocks():
            Z = self._Z[rows]
            weight = self._weighted(self._weighted((Z * Z).sum(dim=1, keepdim=True), rows), rows)
            Z = Z if turn is None else Z @ turn
            total = total + (Z * weight).T @ Z
        return to_numpy(total) / (self.rows * self.mean_weight**2)

    def hessian_product(self, theta: FloatArray, V: FloatArray) -> FloatArray:
        """The Hessian of the smooth part times V, both (p, k), without the Hessian: two passes over the rows."""
        moved, along, total = self.moved(theta), self.moved(V), self._Z.new_zeros(())
        for rows in self._row_blocks():
            Z = self._Z[rows]
            bent = Z @ along
            if self.kind != "mse":
                probability = self._probabilities(self._scores(rows, moved))
                bent = bent * probability
                if self.kind == "logistic":
                    bent = bent * (1 - probability)
                else:
                    bent = bent - probability * bent.sum(dim=1, keepdim=True)
            total = total + Z.T @ self._weighted(bent, rows)
        return to_numpy(total) / self.total + self.l2 * self.penalized**2 * V

    def curvatures(self, theta: FloatArray) -> FloatArray:
        """The diagonal of the Hessian of the smooth part, (p, k)."""
        moved, total = self.moved(theta), self._Z.new_zeros(())
        for rows in self._row_blocks():
            Z = self._Z[rows]
            scores = self._scores(rows, moved)
            probability = scores if self.kind == "mse" else self._probabilities(scores)
            bend = scores.new_ones(scores.shape) if self.kind == "mse" else probability * (1 - probability)
            total = total + (Z * Z).T @ self._weighted(bend, rows)
        return to_numpy(total) / self.total + self.l2 * self.penalized**2

    def batch_gradient(self, theta: FloatArray, rows: IntArray, keep: FloatArray | None) -> FloatArray:
        """Gradient of the smooth part over some rows."""
        inputs = None if keep is None else self.moved(keep)
        return to_numpy(self.gradient_there(self.moved(theta), self.moved(rows), inputs))

    def gradient_there(self, theta: Any, rows: Any, keep: Any) -> Any:
        """The same of tensors on the device, (p, k); nothing is read."""
        Z, y, codes = self._Z[rows], self._y[rows], self._codes[rows]
        if keep is not None:
            Z = Z * keep
        scores = Z @ theta
        if self._offset is not None:
            scores = scores + self._offset[rows]
        if self.kind == "mse":
            error = scores - y[:, None]
        elif self.kind == "logistic":
            error = scores.sigmoid() - y[:, None]
        else:
            index = codes[:, None]
            error = scores.softmax(dim=1).scatter_add(1, index, scores.new_full(index.shape, -1.0))
        return Z.T @ self._weighted(error, rows) / (len(rows) * self.mean_weight) + self._bent_by_l2 * theta

    def _row_blocks(self) -> Iterator[slice]:
        return (slice(start, start + BLOCK) for start in range(0, self.rows, BLOCK))

    def _scores(self, rows: slice, theta: Any, offset: bool = True) -> Any:
        """Scores (n, k) of some rows at theta."""
        scores = self._Z[rows] @ theta
        return scores + self._offset[rows] if offset and self._offset is not None else scores

    def _weighted(self, values: Any, rows: Any) -> Any:
        """``values`` (n, ...) times the weights of their rows."""
        return values if self._weights is None else values * self._weights[rows]

    def moved(self, array: AnyArray) -> Any:
        """``array`` on the device. A GPU is not waited for: what it copies from is page-locked and stays."""
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(array))
        if not self.device.startswith("cuda"):
            return tensor.to(self.device)
        return tensor.pin_memory().to(self.device, non_blocking=True)

    def _block_sums(self, rows: slice, theta: Any, hessian: bool, offset: bool) -> tuple[Any, Any]:
        """Loss, gradient and Hessian in one vector; and the smallest margin, and the largest with its sign turned."""
        import torch

        Z, scores = self._Z[rows], self._scores(rows, theta, offset)
        if self.kind == "mse":
            residual = scores - self._y[rows][:, None]
            weighted = self._weighted(residual, rows)
            squares = [(Z.T @ self._weighted(Z, rows)).flatten()] if hessian else []
            parts = [0.5 * (residual * weighted).sum()[None], (Z.T @ weighted).flatten(), *squares]
            # Margins are of classes only.
            return torch.cat(parts), scores.new_tensor([-np.inf, 0.0])
        if self.kind == "logistic":
            scores = torch.cat([torch.zeros_like(scores), scores], dim=1)
        index = self._codes[rows][:, None]
        right = scores.gather(1, index)
        margins = right - scores.scatter(1, index, float("-inf")).amax(dim=1, keepdim=True)
        log_probability = torch.log_softmax(scores, dim=1)
        probability = log_probability.exp()
        loss = -self._weighted(log_probability.gather(1, index), rows).sum()[None]
        error = probability.scatter_add(1, index, torch.full_like(right, -1.0))
        if self.kind == "logistic":
            probability, error = probability[:, 1:], error[:, 1:]
        second = [self._second(rows, probability).flatten()] if hessian else []
        parts = [loss, (Z.T @ self._weighted(error, rows)).flatten(), *second]
        return torch.cat(parts), torch.stack([margins.min(), -margins.max()])

    def _told(self, sums: Any, hessian: bool) -> Sums:
        """The sums as NumPy has them: the one transfer of a pass over the rows."""
        values, size = to_numpy(sums), self.shape[0] * self.shape[1]
        second = values[1 + size : 1 + size + size**2].reshape(size, size) if hessian else None
        margin, reach = float(values[-2]), -float(values[-1])
        return Sums(float(values[0]), values[1 : 1 + size].reshape(self.shape), second, margin, reach)

    def _probabilities(self, scores: Any) -> Any:
        """Of the classes that have scores of their own, (n, k)."""
        import torch

        return torch.sigmoid(scores) if self.kind == "logistic" else torch.softmax(scores, dim=1)

    def _second(self, rows: slice, probability: Any) -> Any:
        Z = self._Z[rows]
        p, k = Z.shape[1], probability.shape[1]
        second = Z.new_empty((k, p, k, p))
        for a in range(k):
            for b in range(a + 1):
                weight = probability[:, a] * (float(a == b) - probability[:, b])
                second[a, :, b] = (Z * self._weighted(weight[:, None], rows)).T @ Z
                second[b, :, a] = second[a, :, b]
        return second


def to_numpy(tensor: Any) -> FloatArray:
    """A tensor on the host, which waits for the device."""
    array: FloatArray = tensor.cpu().numpy()
    return array
