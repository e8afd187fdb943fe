"""The losses of linear models, by name, and class probabilities from scores.

A ``Kind`` is the text of a loss: its name, the parameter that it has after a colon, the link that isn't its usual one
after a slash: "mse", "logistic", "softmax", "poisson", "tweedie:1.5", "gamma/inverse". So it is saved, and sent.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, cast

import numpy as np

from dlcli.config.values.loss import HUBER, HUBER_FIXED, QUANTILE, TAKES
from dlcli.engine.arrays import FloatArray

Kind: TypeAlias = str
Link: TypeAlias = Literal["log", "identity", "inverse"]
CLASSES = ("logistic", "softmax")
FAMILIES = ("poisson", "gamma", "negative-binomial", "tweedie")


@dataclass(frozen=True)
class Loss:
    """A loss taken apart; ``parameter`` and ``link`` are None where it has none, or is to be estimated."""

    name: str
    parameter: float | None = None
    link: Link | None = None

    @property
    def kind(self) -> Kind:
        """Its text."""
        number = "" if self.parameter is None else f":{self.parameter!r}"
        usual = self.link is None or self.link == usual_link(self.name, self.parameter)
        return self.name + number + ("" if usual else f"/{self.link}")


def usual_link(name: str, parameter: float | None) -> Link | None:
    """The link of a family where none is asked for: log, under which means are positive; of a Gaussian the identity."""
    if name not in FAMILIES:
        return None
    return "identity" if name == "tweedie" and parameter == 0 else "log"


@lru_cache
def loss_of(kind: Kind) -> Loss:
    """What a kind says.

    >>> loss_of("tweedie:1.5"), loss_of("gamma/inverse").link, Loss("gamma", None, "log").kind
    (Loss(name='tweedie', parameter=1.5, link='log'), 'inverse', 'gamma')
    """
    text, _, link = kind.partition("/")
    name, colon, number = text.partition(":")
    parameter = float(number) if colon else None
    return Loss(name, parameter, cast(Link, link) if link else usual_link(name, parameter))


def said_of_kind(kind: Kind) -> str:
    """A kind to be read: its parameter in six digits.

    >>> said_of_kind("huber-fixed:5.393225489772"), said_of_kind("gamma/inverse")
    ('huber-fixed:5.39323', 'gamma/inverse')
    """
    loss = loss_of(kind)
    number = "" if loss.parameter is None else f":{loss.parameter:.6g}"
    return loss.name + number + kind[len(kind.partition("/")[0]) :]


def is_kind(text: object) -> bool:
    """Whether a text is a kind, as a saved model must have one."""
    if not isinstance(text, str):
        return False
    try:
        loss = loss_of(text)
    except ValueError:
        return False
    if loss.name == QUANTILE:
        return loss.link is None and loss.parameter is not None and 0 < loss.parameter < 1
    if loss.name == HUBER_FIXED:
        return loss.link is None and loss.parameter is not None and 0 < loss.parameter < float("inf")
    if loss.name not in FAMILIES:
        return text in ("mse", *CLASSES)
    takes = TAKES[loss.name]
    known = loss.parameter is None if takes is None else loss.parameter is not None and takes.allowed(loss.parameter)
    return known and loss.link in ("log", "identity", "inverse")


def of_classes(kind: Kind) -> bool:
    """Whether the target holds classes; else it holds numbers."""
    return kind in CLASSES


def loss_words(kind: Kind) -> str:
    """What is reported as the loss."""
    if of_classes(kind):
        return "cross-entropy"
    if of_quantile(kind):
        return "mean pinball loss"
    if of_huber(kind):
        return "mean Huber loss"
    return "mean squared error" if kind == "mse" else "mean deviance"


def of_quantile(kind: Kind) -> bool:
    """Whether the loss is a quantile's."""
    return loss_of(kind).name == QUANTILE


def quantile_of(kind: Kind) -> float:
    """The quantile of a kind that has one."""
    quantile = loss_of(kind).parameter
    assert quantile is not None
    return quantile


def of_huber(kind: Kind) -> bool:
    """Whether the loss is Huber's: of a plan "huber:DELTA" in units of a scale that is to be estimated, else of a model
    and an objective "huber-fixed:THRESHOLD" in units of the target.
    """
    return loss_of(kind).name in (HUBER, HUBER_FIXED)


def threshold_of(kind: Kind) -> float:
    """The threshold of a kind that has one, in units of the target."""
    loss = loss_of(kind)
    assert loss.name == HUBER_FIXED
    assert loss.parameter is not None
    return loss.parameter


def of_numbers_by_rows(kind: Kind) -> bool:
    """Whether the target holds numbers and the loss is no squared error, so that rows are kept, and on the CPU."""
    return of_family(kind) or of_quantile(kind) or of_huber(kind)


def of_family(kind: Kind) -> bool:
    """Whether the loss is the deviance of an exponential family with a link; see ``dlcli.linear.losses.families``."""
    return loss_of(kind).name in FAMILIES


def log_softmax(scores: FloatArray) -> FloatArray:
    """Logarithms of class probabilities, (n, k), from scores (n, k), or (n, 1) for two classes."""
    if scores.shape[1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    scores = scores - scores.max(axis=1, keepdims=True)
    log: FloatArray = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return log
