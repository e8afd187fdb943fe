"""What the texts of --partition and --algorithm stand for."""

import math
from dataclasses import dataclass
from typing import Literal

MU = 0.1  # of fedprox, where none is given
AlgorithmName = Literal["auto", "exact", "fedavg", "fedprox"]


@dataclass(frozen=True)
class Algorithm:
    """How clients train together; ``mu`` is the weight of FedProx's pull to the global model, 0 without one."""

    name: AlgorithmName
    mu: float = 0.0


def parse_partition(text: str) -> float | None:
    """The concentration of Dirichlet's distribution that rows are dealt out by; None for iid. Raises ValueError.

    >>> parse_partition("dirichlet:0.3"), parse_partition("iid")
    (0.3, None)
    """
    name, _, number = text.partition(":")
    if text == "iid":
        return None
    alpha = _number(number)
    if name != "dirichlet" or not (0 < alpha < math.inf):
        raise ValueError("expected iid or dirichlet:ALPHA, with ALPHA a number above 0, as in dirichlet:0.3")
    return alpha


def parse_algorithm(text: str) -> Algorithm:
    """The algorithm of a text. Raises ValueError for one that there isn't.

    >>> parse_algorithm("fedprox:0.5"), parse_algorithm("fedavg").mu
    (Algorithm(name='fedprox', mu=0.5), 0.0)
    """
    name, colon, number = text.partition(":")
    if name == "fedprox":
        mu = _number(number) if colon else MU
        if not 0 <= mu < math.inf:
            raise ValueError("expected fedprox:MU, with MU a number of at least 0, as in fedprox:0.1")
        return Algorithm("fedprox", mu)
    if colon or name not in ("auto", "exact", "fedavg"):
        raise ValueError("expected auto, exact, fedavg or fedprox[:MU]")
    return Algorithm("exact" if name == "exact" else "fedavg" if name == "fedavg" else "auto")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
