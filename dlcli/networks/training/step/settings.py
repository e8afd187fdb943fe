"""How to train a network: what its solver needs to know of the plan."""

from dataclasses import dataclass

from dlcli.engine.ranks import ALONE, Ranks
from dlcli.networks.model.spec import DeconvSpec


@dataclass(frozen=True)
class FlatImages:
    """Flat images are to come out flat of a network of this ``spec``; ``kept``: as what they were."""

    spec: DeconvSpec
    kept: bool


@dataclass(frozen=True)
class NetworkSettings:
    """How to train a network: everything but the network, the batches and the loss.

    ``places`` is about how often each weight is used in a step, which decides how threads share it.
    """

    batch_size: int
    steps: int
    seconds: float | None = None
    l1: float = 0.0
    clip: float | None = None
    ema: float = 0.0
    warmup: int = 0
    dropout_seed: int | None = None  # where the network draws random numbers
    compiled: bool = False
    ranks: Ranks = ALONE
    unread: bool = False  # steps are not waited for
    places: int = 0
    flat: FlatImages | None = None
