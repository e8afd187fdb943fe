"""Those who have the images: what the server knows of each, and what it gets from one in a round."""

from dataclasses import dataclass

from torch import Tensor

from dlcli.networks.data.batch import Batches
from dlcli.networks.training.validation.base import Validation


@dataclass(frozen=True)
class Client:
    """One that trains on ``count`` images of its own, in batches that nobody else sees.

    ``seed`` is that of its chance. ``validate`` measures a network on the images that it holds out itself, ``held`` of
    them; None where it holds none out.
    """

    number: int
    name: str
    count: int
    held: int
    seed: int
    batches: Batches
    validate: Validation | None = None


@dataclass(frozen=True)
class ClientUpdate:
    """What a client sends after its steps of a round.

    ``change`` (P,) is by how much its weights differ from those that it was sent; None where it has nothing that could
    be used, for the ``reason``. ``loss`` is the mean training loss of its steps, of which ``skipped`` were not finite.
    """

    client: Client
    change: Tensor | None
    loss: float
    skipped: int = 0
    reason: str = ""
