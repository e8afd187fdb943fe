"""What the loop needs of a training method, whatever it trains."""

from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

P_co = TypeVar("P_co", covariant=True)

EXACT = 1 + 1e-9  # the ``noise_factor`` of a method whose every step sees all rows


@dataclass(frozen=True)
class Termination:
    """Whether a solver has come to its end, and why.

    ``converged``: it is at the optimum as far as it can tell. ``halted``: it can go no further, and isn't there.
    ``failed``: its numbers are of no use. ``reason`` is empty only while it is running.
    """

    kind: Literal["running", "converged", "halted", "failed"]
    reason: str = ""

    @property
    def running(self) -> bool:
        """Whether there are more steps to take."""
        return self.kind == "running"


RUNNING = Termination("running")
GRADIENT_TOLERANCE = Termination("converged", "gradient tolerance")


class Solver(Protocol[P_co]):
    """A training method with parameters of type ``P_co``: ``init``, steps by ``advance``, and ``termination``.

    The learning rate ``lr`` is that of the last step, nan where a method has none. At the end of a run the objective
    may be ``noise_factor`` times that of the beginning before it counts as divergence.
    """

    @property
    def step(self) -> int:
        """Steps taken."""

    @property
    def lr(self) -> float:
        """Learning rate of the last step."""

    @property
    def noise_factor(self) -> float:
        """How far above the first objective the last may be."""

    @property
    def termination(self) -> Termination:
        """Whether it has ended, and why."""

    def init(self, origin: float) -> None:
        """The run begins. ``origin`` (time.monotonic) is earlier by what was spent before it was taken up again."""

    def advance(self, until: int, deadline: float) -> None:
        """Take steps to step ``until``; return earlier when it ends, or past ``deadline`` (time.monotonic)."""

    def loss(self) -> float:
        """Mean loss on the training rows, without penalties."""

    def objective(self) -> float:
        """The value being minimized, penalties included."""

    def gradient_norm(self) -> float:
        """Euclidean norm of the objective's gradient (with L1: of its smallest subgradient)."""

    def parameters(self) -> P_co:
        """A copy of the parameters: an array of shape (columns, outputs), or a network's tensors by name."""

    def scheduler_step(self, loss: float) -> None:
        """Take the loss of a report, for schedules that listen to it."""
