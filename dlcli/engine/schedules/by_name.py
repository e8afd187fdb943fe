"""The schedules by the names that configs give them."""

from dlcli.engine.schedules.base import Schedule, ScheduleSettings
from dlcli.engine.schedules.closed_loop import AdaGradNorm, BarzilaiBorwein, Hypergradient, Plateau, Polyak
from dlcli.engine.schedules.open_loop import (
    Constant,
    CosineAnnealing,
    ExponentialDecay,
    OneCycle,
    PolynomialDecay,
    StepDecay,
    TimeDecay,
)

SCHEDULES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "time": TimeDecay,
    "step": StepDecay,
    "exponential": ExponentialDecay,
    "polynomial": PolynomialDecay,
    "cosine": CosineAnnealing,
    "one_cycle": OneCycle,
    "adagrad": AdaGradNorm,
    "hypergradient": Hypergradient,
    "polyak": Polyak,
    "barzilai_borwein": BarzilaiBorwein,
    "plateau": Plateau,
}


def schedule_class(name: str) -> type[Schedule]:
    """The schedule of that name, written with - or with _."""
    return SCHEDULES[name.replace("-", "_")]


def make_schedule(settings: ScheduleSettings, lr: float) -> Schedule:
    """The schedule of the settings' name, with the first rate ``lr``."""
    return SCHEDULES[settings.name](settings, lr)
