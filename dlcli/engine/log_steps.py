"""Steps at which a chart wants to know the loss, whether or not there is a report."""


def log_spaced(last: int) -> list[int]:
    """Steps below ``last`` about evenly spaced on a log axis, five or so a decade, from 0 on.

    >>> log_spaced(30)
    [0, 1, 2, 3, 5, 8, 12, 20]
    """
    found = [0, *range(1, min(last, 3))]
    step = 3.0
    while round(step) < last:
        found.append(round(step))
        step *= 1.6
    return found


LOG_SPACED = frozenset(log_spaced(10**9))
