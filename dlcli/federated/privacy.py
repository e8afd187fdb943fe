"""Differential privacy of clients: what each sends is cut to a length, and the sum gets Gaussian noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError
from dlcli.federated.masking import MaskKey
from dlcli.federated.sampling import Participation
from dlcli.federated.secure_sum import summed

NOISE = 0xD9  # tells the stream of the noise from others
COVERS = (
    "the weights after every round, for all of a client's images together; not which round's weights were saved (by "
    "losses), nor the losses, metrics and numbers of images, which clients send as they are. The noise comes of "
    "--seed: whoever knows that can take it off"
)


@dataclass
class PrivateServer:
    """The mean of changes that are cut to the length ``clip``, all counted alike, with noise (McMahan et al. 2018).

    The noise on the sum has ``noise`` times ``clip`` as its standard deviation; the sum is divided by the number of
    clients that were asked, which no answer changes. ``counts`` are of the messages and of those that were cut.
    """

    participation: Participation
    clip: float
    noise: float
    seed: int
    key: MaskKey | None = None
    counts: dict[str, int] = field(default_factory=lambda: {"messages": 0, "clipped": 0})

    def asked(self, number: int) -> list[int]:
        """The clients that are asked in a round."""
        return self.participation.asked(number)

    def lost(self, number: int, asked: Sequence[int]) -> set[int]:
        """Those of them who give no answer."""
        return self.participation.lost(number, asked)

    def averaged(
        self, updates: Mapping[int, FloatArray], _images: Mapping[int, int], asked: Sequence[int], number: int
    ) -> FloatArray:
        """The noisy mean of ``updates`` (client -> (P,))."""
        lengths = {client: float(np.linalg.norm(update)) for client, update in updates.items()}
        self.counts["messages"] += len(lengths)
        self.counts["clipped"] += sum(length > self.clip for length in lengths.values())
        cut = {c: update * min(1.0, self.clip / max(lengths[c], 1e-300)) for c, update in updates.items()}
        total = summed(cut, asked, number, self.key)
        rng = np.random.default_rng([self.seed, NOISE, number])
        noisy: FloatArray = (total + rng.normal(0.0, self.noise * self.clip, len(total))) / len(asked)
        return noisy


def epsilon_of(noise: float, participation: Participation, rounds: int, delta: float) -> float:
    """The epsilon of so many rounds with noise of ``noise`` times the clip, by the accountant of dp-accounting.

    Where all clients are asked, of a client's presence; where a fraction is drawn, of one client in place of another,
    by which the sum changes twice as much (Wang, Balle and Kasiviswanathan 2019).
    """
    import dp_accounting
    from dp_accounting import rdp

    relation = dp_accounting.NeighboringRelation
    gaussian = dp_accounting.GaussianDpEvent(noise)
    event, neighbors = gaussian, relation.ADD_OR_REMOVE_ONE
    if participation.each_round < participation.clients:
        neighbors = relation.REPLACE_ONE
        event = dp_accounting.SampledWithoutReplacementDpEvent(
            participation.clients, participation.each_round, dp_accounting.GaussianDpEvent(noise / 2)
        )
    accountant = rdp.RdpAccountant(neighboring_relation=neighbors)
    accountant.compose(event, rounds)
    return float(accountant.get_epsilon(delta))


def noise_for(epsilon: float, participation: Participation, rounds: int, delta: float) -> float:
    """The least noise, to a hundredth of it, by which no more than ``epsilon`` is spent.

    Raises DlcliError where it would be more than a million times the clip.
    """
    low, high = 0.0, 1.0
    while epsilon_of(high, participation, rounds, delta) > epsilon:
        low, high = high, 2 * high
        if high > 1e6:
            raise DlcliError(
                f"--dp-epsilon {epsilon:g} at --dp-delta {delta:g} takes more noise than there is any use in",
                "give a larger epsilon, or fewer --rounds",
            )
    while high - low > 1e-2 * high:
        middle = (low + high) / 2
        if epsilon_of(middle, participation, rounds, delta) > epsilon:
            low = middle
        else:
            high = middle
    return high


def check_accountant() -> None:
    """Raises DlcliError where dp-accounting isn't installed."""
    import importlib.util

    if importlib.util.find_spec("dp_accounting") is None:
        raise DlcliError(
            "--dp-noise and --dp-epsilon take the package dp-accounting, which is not installed",
            "pip install 'dlcli[privacy]'",
        )
