"""Weights of classes, as --class-weight takes them."""

import math

BALANCED = "balanced"


def weights_by_name(text: str) -> dict[str, float] | None:
    """What --class-weight says of each class that it names; None for ``balanced``. Raises ValueError for others.

    >>> weights_by_name("cat=2,dog=0.5"), weights_by_name("balanced")
    ({'cat': 2.0, 'dog': 0.5}, None)
    """
    if text == BALANCED:
        return None
    found: dict[str, float] = {}
    for part in text.split(","):
        name, joined, number = part.strip().rpartition("=")
        try:
            weight = float(number) if joined and name else math.nan
        except ValueError:
            weight = math.nan
        if not 0 < weight < math.inf or name in found:
            raise ValueError("expected balanced, or NAME=WEIGHT,... with each class once and weights above 0")
        found[name] = weight
    return found
