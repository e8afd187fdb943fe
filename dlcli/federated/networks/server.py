"""The server of a network's rounds: whom it asks, and the mean of what came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dlcli.engine.arrays import FloatArray
from dlcli.errors import DlcliError, ExitCode
from dlcli.federated.masking import MaskKey
from dlcli.federated.sampling import Participation
from dlcli.federated.secure_sum import summed


@dataclass(frozen=True)
class AveragingServer:
    """The mean of the clients' changes, each counted by its images (McMahan et al. 2017).

    With a ``key`` each sends its change times its images, and their number, behind masks that cancel in the sum.
    ``counts`` stay empty.
    """

    participation: Participation
    key: MaskKey | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def asked(self, number: int) -> list[int]:
        """The clients that are asked in a round."""
        return self.participation.asked(number)

    def lost(self, number: int, asked: Sequence[int]) -> set[int]:
        """Those of them who give no answer."""
        return self.participation.lost(number, asked)

    def averaged(
        self, updates: Mapping[int, FloatArray], images: Mapping[int, int], asked: Sequence[int], number: int
    ) -> FloatArray:
        """The weighted mean of ``updates`` (client -> (P,)). Raises DlcliError where masks have no room for one."""
        sent = {client: np.append(update * images[client], images[client]) for client, update in updates.items()}
        try:
            total = summed(sent, asked, number, self.key)
        except ValueError as error:
            raise DlcliError(
                f"training failed in round {number + 1:,}: a client's change is too large to be masked ({error})",
                "use a smaller --lr", ExitCode.TRAINING_FAILED,
            ) from None  # fmt: skip
        mean: FloatArray = total[:-1] / total[-1]
        return mean
