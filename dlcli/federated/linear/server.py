"""The server: it asks the clients, and sees the sum of what they answer."""

from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from dlcli.engine.arrays import AnyArray, FloatArray
from dlcli.errors import DlcliError, ExitCode
from dlcli.federated.linear.share import ClientShare
from dlcli.federated.masking import MaskKey
from dlcli.federated.sampling import Participation
from dlcli.federated.secure_sum import summed

TRIES = 3  # times that a client is asked before it counts as lost


class ClientsLostError(Exception):
    """Clients gave no answer, so that a sum over all rows can't be had any more."""

    def __init__(self, clients: set[int]) -> None:
        self.clients = clients


@dataclass
class Server:
    """Asks the ``shares`` of clients, by their numbers; with a ``key`` what they send is masked.

    ``exchanges`` counts what was asked, ``sent`` the numbers that a client sent, ``received`` those that it got,
    ``retries`` how often a client had to be asked again.
    """

    shares: dict[int, ClientShare]
    participation: Participation
    key: MaskKey | None = None
    exchanges: int = 0
    sent: int = 0
    received: int = 0
    retries: int = 0
    asked_for: dict[str, int] = field(default_factory=dict)

    def total(self, asked: str, arrays: dict[str, AnyArray] | None = None, **meta: Any) -> FloatArray:
        """The sum of what all clients answer. Raises ClientsLostError where one doesn't, though asked again."""
        waiting, answers = sorted(self.shares), dict[int, FloatArray]()
        for again in range(TRIES):
            lost = self.participation.lost(self.exchanges * TRIES + again, waiting)
            for client in waiting:
                if client not in lost:
                    answers[client] = self.answer(client, asked, arrays or {}, meta)
            waiting = sorted(lost)
            self.retries += len(lost)
            if not waiting:
                break
        if waiting:
            raise ClientsLostError(set(waiting))
        self.count(asked, arrays or {}, next(iter(answers.values())))
        return self.added(answers, sorted(self.shares))

    def every(self, asked: str, arrays: dict[str, AnyArray], **meta: Any) -> NoReturn:
        """Answers one by one, which the server never gets."""
        raise AssertionError(f"{asked} would take each client's rows", arrays.keys(), meta)

    def answer(self, client: int, asked: str, arrays: dict[str, AnyArray], meta: dict[str, Any]) -> FloatArray:
        """What one client computes."""
        found = self.shares[client].answer(asked, arrays, meta)
        assert isinstance(found, np.ndarray)
        return found

    def added(self, answers: dict[int, FloatArray], asked: list[int]) -> FloatArray:
        """The sum of the answers that came of those ``asked``, as the server sees it."""
        shape = next(iter(answers.values())).shape
        flat = {client: values.astype(np.float64).ravel() for client, values in answers.items()}
        key = self.key
        if key is not None and not all(np.isfinite(values).all() for values in flat.values()):
            key = None  # numbers that diverged are no numbers to be hidden: the fit ends with them
        try:
            return summed(flat, asked, self.exchanges, key).reshape(shape)
        except ValueError as error:
            raise DlcliError(f"--secure-sum: {error}", "scale the columns, or leave it out") from None

    def count(self, asked: str, arrays: dict[str, AnyArray], answer: FloatArray) -> None:
        """Count an exchange."""
        self.exchanges += 1
        self.sent += answer.size
        self.received += sum(array.size for array in arrays.values())
        self.asked_for[asked] = self.asked_for.get(asked, 0) + 1


def too_few(names: list[str]) -> DlcliError:
    """The error of a federation of which too few clients are left."""
    left = f"only {names[0]} is left" if names else "none is left"
    return DlcliError(
        f"too many clients gave no answer: {left}", "run it again with fewer --client-failures",
        ExitCode.TRAINING_FAILED,
    )  # fmt: skip
