"""Settings of a search, resolved: each holds what its user needs of the command's options."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dlcli.config.tune_lr import Method

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

# These judge a trial by those that have ended, so trials must end one after the other.
LEARNING_PRUNERS = ("median", "hyperband")


@dataclass(frozen=True)
class StudyPlace:
    """Where a study is kept: a ``url``, or None for memory; ``heartbeat`` is in seconds."""

    url: str | None = None
    name: str | None = None
    heartbeat: float = 10.0


@dataclass(frozen=True)
class StudyRules:
    """How a study compares values, draws points and ends runs early; None for a sampler or pruner that isn't used."""

    larger: bool
    sampler: "BaseSampler | None" = None
    pruner: "BasePruner | None" = None


@dataclass(frozen=True)
class StudyOptions:
    """What the command line says of the study: its ``name`` and its ``storage``, each None where it isn't given."""

    name: str | None
    storage: str | None
    heartbeat: float

    @property
    def named(self) -> bool:
        """Whether it outlives the command: another one, with the same name, goes on with it."""
        return self.name is not None or self.storage is not None


@dataclass(frozen=True)
class OutputSettings:
    """The run directory (None: the next free number), and the text of its config.toml."""

    out: Path | None
    force: bool
    config_toml: str


@dataclass(frozen=True)
class SearchSettings:
    """How points are chosen and run.

    ``draws`` is the number of points that a sampler draws. At most ``most_fused`` trials are trained in one batch, 0
    for none; with ``measure_fusion`` only where timing a few steps shows that it is faster.
    """

    method: Method
    pruner: str
    draws: int
    most_fused: int
    measure_fusion: bool
    workers: int

    @property
    def learns(self) -> bool:
        """Whether the pruner judges a trial by those that have ended."""
        return self.pruner in LEARNING_PRUNERS
