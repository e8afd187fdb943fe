"""What a client answers about its rows: sums, which the server adds up with those of others; never a row."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.federated.linear.bins import BINS, bin_of
from dlcli.federated.linear.indicators import reached
from dlcli.federated.linear.local import LocalSteps
from dlcli.linear.diagnostics.aliased import OnOthers
from dlcli.linear.metrics import ordering, ranked_classes
from dlcli.linear.objectives.moments import Moments
from dlcli.linear.shared.share import Share
from dlcli.linear.solvers.separable.margins import ROUNDING, Question

Arrays = dict[str, AnyArray]


@dataclass
class ClientShare(Share):
    """One client's rows: ``data`` has those only, and their moments."""

    def on_head(self, _: Arrays, groups: list[int]) -> FloatArray:
        """By group of rows: whether and what rows weigh, how many there are, and the sums of their columns."""
        found = []
        for group in groups:
            m = self._moments(group)
            logs = m.weighted.logs if m.weighted else 0.0
            found.append(np.concatenate([[m.weighted is not None, m.number, logs, m.count], m.count * m.mean]))
        return np.concatenate(found)

    def on_products(self, arrays: Arrays, groups: list[int]) -> FloatArray:
        """By group of rows: products of columns about the ``means`` (groups, d) of all clients' rows, one triangle."""
        found = []
        for group, mean in zip(groups, arrays["means"], strict=True):
            m, d = self._moments(group), len(mean)
            total = np.zeros((d, d))
            if m.count:
                away = m.mean - mean
                total = m.with_scatter().scatter + m.count * np.outer(away, away)
            found.append(total[np.triu_indices(d)])
        return np.concatenate(found)

    def on_sums(self, arrays: Arrays, part: str, hessian: bool, offset: bool) -> FloatArray:
        """Loss, gradient, Hessian; whether a row is on its wrong side, and how far the farthest is on its right one."""
        sums = self._objectives[part]._all_sums(arrays["theta"], hessian, offset)
        second = np.zeros(0) if sums.hessian is None else sums.hessian.ravel()
        wrong = bool(self._objectives[part].rows) and not sums.margin > ROUNDING * sums.reach
        return np.concatenate([[sums.loss], sums.gradient.ravel(), second, [float(wrong)], reached(sums.reach)])

    def on_sides(self, arrays: Arrays, part: str) -> FloatArray:
        """Whether a direction puts a row on its wrong side, whether one on the boundary, and one on its right side."""
        theta = arrays["candidate"]
        question = Question(np.zeros((0, *theta.shape)), theta, 1, 1)
        found = self._objectives[part].constraints(question)
        return np.array([found.worst < -ROUNDING, found.worst <= ROUNDING, found.reach > ROUNDING], dtype=np.float64)

    def on_ranks(self, arrays: Arrays, part: str, classes: int) -> FloatArray:
        """How much the rows of each class, and all others, weigh in each bin of what orders them: for areas."""
        total = np.zeros((len(ranked_classes(classes)), 2, BINS))
        for logs, codes, weights in self._scores(part, arrays["theta"]):
            own = np.ones(len(codes)) if weights is None else weights
            for counts, c in zip(total, ranked_classes(classes), strict=True):
                places = bin_of(ordering(logs, c), whole=classes == 2)
                for at, chosen in enumerate((codes != c, codes == c)):
                    counts[at] += np.bincount(places[chosen], own[chosen], BINS)
        return total.ravel()

    def on_distances(self, arrays: Arrays, groups: list[int]) -> FloatArray:
        """How far columns are from what others give, and which levels their numbers reach: ``OnOthers.distances``."""
        on = OnOthers(*(arrays[name] for name in ("kept", "dependent", "mean", "weights")))
        view = replace(self.data.columns(arrays["columns"]), fill=arrays["fill"])
        view = replace(view, moments={group: view.moments.get(group, Moments.empty()) for group in groups})
        apart, sizes, count = on.distances(view)
        return np.concatenate([apart, [count], *(reached(float(size)) for size in sizes)])

    def on_curvature(self, _: Arrays, part: str) -> FloatArray:
        """Which levels the largest eigenvalue of Z'Z/n reaches on the rows of a part."""
        Z, responses = self._part(part)
        if not len(responses):
            return reached(0.0)
        own = responses[:]
        products = Z.T @ own.weighted(Z) / own.total()
        return reached(float(np.linalg.eigvalsh(products)[-1]))

    def on_local(self, arrays: Arrays, part: str, **asked: Any) -> FloatArray:
        """How local steps move theta (p, k), and what the rows weigh."""
        objective = self._objectives[part]
        move = LocalSteps(**asked).moved(objective, arrays["theta"], arrays["penalized"])
        return np.concatenate([move.ravel(), [objective.total]])

    def _moments(self, group: int) -> Moments:
        found = self.data.moments.get(group)
        return Moments.empty(len(self.data.fill) + 1) if found is None else found
