"""What the text of --loss stands for: the name of a loss, and a number after a colon where the loss takes one."""

from collections.abc import Callable
from dataclasses import dataclass

QUANTILE = "quantile"
HUBER, HUBER_FIXED = "huber", "huber-fixed"
COUNTS = ("poisson", "negative-binomial")
LOG_LINKED = ("poisson", "gamma", "negative-binomial", "tweedie")  # those of the exponential family with --link


@dataclass(frozen=True)
class Takes:
    """What a loss takes after its name: what that is called, which values are allowed, and whether it may be left out.

    ``expected`` says the values in words.
    """

    name: str
    allowed: Callable[[float], bool]
    expected: str
    required: bool = True


TAKES: dict[str, Takes | None] = {
    "auto": None,
    "mse": None,
    "cross-entropy": None,
    "poisson": None,
    "gamma": None,
    "negative-binomial": Takes(
        "ALPHA", lambda alpha: 0 < alpha < float("inf"), "a number above 0, as the variance is mean + ALPHA mean^2",
        required=False,
    ),
    "tweedie": Takes(
        "P", lambda p: p in (0, 1) or 1 < p <= 10,
        "0, 1, or a number from 1 to 10, as the variance is in proportion to mean^P; no distribution has one between",
    ),
    QUANTILE: Takes("Q", lambda q: 0 < q < 1, "a number between 0 and 1; 0.5 is the median"),
    HUBER: Takes(
        "DELTA", lambda delta: 0 < delta < float("inf"),
        "a number above 0, in robust standard deviations of the residuals; 1.345 is usual", required=False,
    ),
    HUBER_FIXED: Takes("DELTA", lambda delta: 0 < delta < float("inf"), "a number above 0, in units of the target"),
}  # fmt: skip


@dataclass(frozen=True)
class LossText:
    """The name of a loss and its parameter, None where it has none or it is to be estimated."""

    name: str
    parameter: float | None = None


def loss_forms() -> tuple[str, ...]:
    """How each loss is written, as tweedie:P."""
    forms = []
    for name, takes in TAKES.items():
        number = "" if takes is None else f":{takes.name}" if takes.required else f"[:{takes.name}]"
        forms.append(name + number)
    return tuple(forms)


def parse_loss(text: str) -> LossText:
    """The loss of a text. Raises ValueError for one that there isn't, or whose parameter isn't allowed.

    >>> parse_loss("tweedie:1.5"), parse_loss("poisson")
    (LossText(name='tweedie', parameter=1.5), LossText(name='poisson', parameter=None))
    """
    name, colon, number = text.partition(":")
    if name not in TAKES:
        raise ValueError(f"expected one of {', '.join(loss_forms())}")
    takes = TAKES[name]
    if not colon:
        if takes is not None and takes.required:
            raise ValueError(f"expected {name}:{takes.name}, with {takes.name} {takes.expected}")
        return LossText(name)
    if takes is None:
        raise ValueError(f"{name} takes no number: leave out :{number}")
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not takes.allowed(value):
        raise ValueError(f"expected {name}:{takes.name}, with {takes.name} {takes.expected}")
    return LossText(name, value)
