"""What several processes have gathered of their shares of a table, put together: the same in each of them."""

import numpy as np

from dlcli.engine.arrays import FloatArray, IntArray
from dlcli.engine.ranks import Ranks
from dlcli.linear.objectives.moments import Moments, Weighted, is_wide, whole


class WideError(Exception):
    """The table has fewer rows than columns: its rows stand in for their products, and one process has to have all."""


def shared_moments(moments: dict[int, Moments], ranks: Ranks) -> dict[int, Moments]:
    """The moments by group of the rows of all processes. Raises WideError.

    Sums first, as the products of each share are to be taken about the mean of all rows.
    """
    if ranks.count == 1:
        return moments
    groups = sorted({group for found in ranks.gather(sorted(moments)) for group in found})
    d = max(len(m.mean) for m in moments.values())
    mine = {group: moments.get(group, Moments.empty(d)).grown(d) for group in groups}
    head = [[m.weighted is not None, m.number, m.weighted.logs if m.weighted else 0.0, m.count] for m in mine.values()]
    means = [m.count * m.mean for m in mine.values()]
    sums = ranks.add_arrays(np.concatenate([np.array(head, dtype=np.float64), np.array(means)], axis=1))
    if is_wide(int(sums[:, 1].sum()), d):
        raise WideError
    total = {}
    for group, (weighs, number, logs, count, *weighted) in zip(groups, sums, strict=True):
        mean = np.array(weighted) / (count or 1.0)
        scatter = np.zeros((d, d))
        if mine[group].count:
            products, away = mine[group].with_scatter().scatter, mine[group].mean - mean
            scatter = products + mine[group].count * np.outer(away, away)
        weights = Weighted(int(number), float(logs)) if weighs else None
        total[group] = Moments(whole(count), mean, ranks.add_arrays(scatter), weighted=weights)
    return total


def shared_sums(sums: dict[int, FloatArray], width: int, ranks: Ranks) -> dict[int, FloatArray]:
    """The sums (width,) by group over all processes; shorter ones lack columns that are 0."""
    if ranks.count == 1:
        return sums
    groups = sorted({group for found in ranks.gather(sorted(sums)) for group in found})
    stacked = np.zeros((len(groups), width))
    for row, group in zip(stacked, groups, strict=True):
        own = sums.get(group, np.zeros(0))
        row[: len(own)] = own
    return dict(zip(groups, ranks.add_arrays(stacked), strict=True))


def largest_of(values: FloatArray, ranks: Ranks) -> FloatArray:
    """The largest of each of the processes' ``values`` (n,)."""
    return np.max(np.array(ranks.gather(values.tolist())), axis=0) if ranks.count > 1 else values


def same_exponents(exponents: IntArray, ranks: Ranks) -> IntArray | None:
    """None where all processes scale columns by the same ``exponents``, else what they all are to scale them by."""
    every = np.array(ranks.gather(exponents.tolist()), dtype=np.int64)
    if (every == every[0]).all():
        return None
    return np.asarray(every[np.abs(every).argmax(axis=0), np.arange(every.shape[1])])
