"""Learning rates from eigenvalues: the largest stable one, and the one that ``auto`` takes."""


def largest_stable_rate(l_max: float, momentum: float = 0.0, nesterov: bool = False) -> float:
    """The rate above which the steepest direction grows (Polyak 1964 for momentum).

    Plain: 2/l; heavy ball: 2(1+m)/l; Nesterov: 2(1+m)/((1+2m) l).

    >>> largest_stable_rate(4.0), largest_stable_rate(4.0, 0.5), largest_stable_rate(4.0, 0.5, True)
    (0.5, 0.75, 0.375)
    """
    if l_max <= 0:
        return float("inf")
    rate = 2 * (1 + momentum) / l_max
    return rate / (1 + 2 * momentum) if nesterov else rate


def automatic_rate(l_max: float, l_min: float, momentum: float = 0.0) -> float:
    """2/(l_max + l_min), the best constant rate, but at most 1.9/l_max, and 1/l_max with momentum.

    The best rate for the slowest direction barely damps the steepest one when l_min is tiny: at 1.9/l_max that
    one shrinks tenfold a step, for 5% more steps in the slowest.
    """
    if l_max <= 0:
        return 1.0
    return 1 / l_max if momentum else min(2 / (l_max + l_min), 1.9 / l_max)
