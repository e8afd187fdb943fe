"""What a training is called, what it has reached, and what it came to: for its files and its report."""

from dataclasses import dataclass, field

from torch import Tensor

from dlcli.engine.loop import Step
from dlcli.files import JsonObject
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.settings import NetworkPlan


@dataclass(frozen=True)
class Description:
    """What is trained, in words and for the files: ``data`` is the fingerprint, ``config`` the text of config.toml.

    ``task`` names the task, ``title`` also its constants; ``images`` is a line on what trains, ``noise`` its kind where
    that is named.
    """

    task: str
    arch: str
    title: str
    images: str
    classes: tuple[str, ...]
    data: JsonObject
    config: str
    noise: str = ""


@dataclass
class TrainingRecord:
    """The reports so far, and the weights that are saved."""

    last: Step
    best_step: Step  # that of model.safetensors
    best_kept: Step  # that of the checkpoint, in which the report of a signal leaves no trace
    best: dict[str, Tensor]
    steps: list[Step] = field(default_factory=list)
    recorded: int = -1  # the last step in metrics.jsonl


@dataclass(frozen=True)
class Outcome:
    """What a training came to. ``batch_size`` is smaller than the plan's where memory ran out; ``warnings`` say so."""

    run: str
    about: Description
    plan: NetworkPlan
    problem: Problem
    best: Step
    last: Step
    weights: int
    batch_size: int
    images_seen: int
    skipped_steps: int
    warnings: tuple[str, ...] = ()
