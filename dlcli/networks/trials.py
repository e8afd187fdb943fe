"""``train-deconv`` as the tuner sees it: images read once, and any number of networks trained on them."""

import math
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from dlcli.config.images.options import TaskOptions
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.device import pick_network_device
from dlcli.engine.loop import UNLIMITED, Step, train
from dlcli.engine.progress import Progress, Silent
from dlcli.engine.schedules.base import Schedule
from dlcli.engine.schedules.by_name import make_schedule, schedule_class
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.networks.batched.networks import BatchedNetworks, Replica, seconds_per_step
from dlcli.networks.batched.optimizers import BATCHED_OPTIMIZERS
from dlcli.networks.batched.replica import BatchedSolver, train_replica
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.data.fingerprint import fingerprint_of
from dlcli.networks.data.load import TrainingImages, fold_of, read_images
from dlcli.networks.data.noise.set_noise import SetNoise
from dlcli.networks.losses.supervised import LOSSES
from dlcli.networks.metrics import CLASS_METRICS, ClassMetric, ImageMetric, image_metrics
from dlcli.networks.model.start import Start
from dlcli.networks.training.factory import make_solver, settings_for, weights_of
from dlcli.networks.training.noisy.kinds import noise_like
from dlcli.networks.training.plan import (
    DEFAULT_MINUTES,
    DEMO_MINUTES,
    image_settings,
    make_plan,
    resolved,
    restoration_of,
    usual_rate,
)
from dlcli.networks.training.problem import Problem, make_problem
from dlcli.networks.training.settings import NetworkPlan
from dlcli.networks.training.solver import NetworkSolver
from dlcli.networks.training.validation.base import Validation
from dlcli.search.trials import Metrics, Trial, shorter_decay

READING = ("data", "task", "color", "channels", "val", "memory", "seed_of_data")
DEGRADING = tuple(name for name in TaskOptions.model_fields if name != "task")  # how clean images are degraded
# Of a batch, and of a single network, to see which is faster; and by how much the batch must be.
TIMED_STEPS, TIMED_REPLICAS, WORTH = 2, 8, 1.1
KEPT_FOLDERS = 2
NEVER = 10**9  # steps


class NetworkTrials:
    """Trainings of one command line; ``base`` is what they have in common.

    With ``folds`` each is a training for each part of the images, which it is measured on.
    """

    def __init__(self, base: TrainDeconvConfig, progress: Progress, folds: int | None = None) -> None:
        if folds and "val" in base.model_fields_set:
            raise DlcliError("--cv and --val both hold images out", "leave one out")
        if base.targets == "noisy":
            raise DlcliError(
                "tune-lr compares by clean images, and --targets noisy has none",
                "tune on clean images of the kind, and train with what it finds",
            )
        self.base, self.progress, self.folds = base, progress, folds
        self.device = pick_network_device(base.device)
        self._images: dict[Hashable, list[TrainingImages]] = {}
        self._verdicts: dict[Hashable, bool] = {}
        self._told = set[str]()
        self._starts: dict[Path, Start] = {}
        self._noises: dict[str | None, SetNoise | None] = {}
        self.watched = self.by_training_loss = False
        self._measures: dict[tuple[Hashable, ...], Validation | None] = {}
        if base.threads:
            torch.set_num_threads(base.threads)

    def _parts(self, config: TrainDeconvConfig) -> list[TrainingImages]:
        """Training and validation images, split once or for each fold; read at the first use."""
        if self.folds:
            config = config.model_copy(update={"val": 0.0})
        crop = config.class_side if config.task == "classify" else None
        key = (*(getattr(config, name) for name in READING), crop)
        if key not in self._images:
            images = read_images(image_settings(config), Silent() if self._images else self.progress)
            for text in () if self._images else images.notes:
                self.progress.note(text)
            while len(self._images) >= KEPT_FOLDERS:
                del self._images[next(iter(self._images))]
            seed = config.seed_of_data
            parts = [fold_of(images, self.folds, fold, seed) for fold in range(self.folds)] if self.folds else [images]
            self._images[key] = parts
        return self._images[key]

    def _start(self, config: TrainDeconvConfig) -> Start | None:
        """What --init names, read once."""
        if config.start is None:
            return None
        if config.start not in self._starts:
            self._starts[config.start] = Start.of(config.start, self._parts(config)[0].train.channels)
        return self._starts[config.start]

    def _like(self, config: TrainDeconvConfig) -> SetNoise | None:
        """The noise of --noise, measured once."""
        if config.noise not in self._noises:
            self._noises[config.noise] = noise_like(config, self._parts(config)[0])
        return self._noises[config.noise]

    def _begun(self, config: TrainDeconvConfig) -> TrainDeconvConfig:
        start = self._start(config)
        return start.adopted(config) if start else config

    def _plan(self, config: TrainDeconvConfig, fold: int = 0) -> NetworkPlan:
        config = self._begun(config)
        facts = ImageFacts.of(self._parts(config)[fold], restoration_of(config, like=self._like(config)))
        return make_plan(config, facts, self.device)

    def metric_names(self) -> Mapping[str, Sequence[str]]:
        """Metrics by part."""
        names = tuple(metric.name for metric in self._metrics())
        names = names if "loss" in names else ("loss", *names)
        return {"train": ("loss",), "val": names} if self._parts(self.base)[0].val else {"train": ("loss",)}

    def higher_is_better(self, name: str) -> bool:
        """As the table of metrics says."""
        return any(metric.name == name and metric.higher_is_better for metric in self._metrics())

    def _metrics(self) -> Sequence[ImageMetric | ClassMetric]:
        if self.base.task == "classify":
            return CLASS_METRICS
        return image_metrics(self._parts(self.base)[0].scales.targets)

    def default_metric(self) -> str:
        """PSNR of restored images, the loss of classes: both on validation images."""
        if not self._parts(self.base)[0].val:
            return "train.loss"
        return "val.loss" if self.base.task == "classify" else "val.psnr"

    def default_rates(self) -> tuple[float, float]:
        """A decade below and above the optimizer's usual rate."""
        usual = usual_rate(self.base)
        return float(f"{usual / 10:.6g}"), float(f"{usual * 10:.6g}")

    def fingerprint(self, configs: Sequence[TrainDeconvConfig]) -> JsonObject:
        """That of the images, the kernels and the masks."""
        restorations = [restoration_of(config, like=self._like(config)) for config in configs]
        return fingerprint_of(self._parts(self.base)[0], restorations)

    def check(self, config: TrainDeconvConfig) -> None:
        """Plan the config, which refuses what can't be trained."""
        self._plan(config)

    def start(self, config: TrainDeconvConfig, check_signal: Callable[[], None]) -> Iterator[Trial]:
        """One training, or one for each fold; each network is made when its turn comes."""
        for fold in range(self.folds or 1):
            plan, problem = self._problem(config, fold)
            solver = make_solver(plan, problem)
            reports = train(solver, plan.limits.criteria(), problem.validate, check_signal=check_signal)
            yield self._trial(config, problem, (self._with_warnings(report.numbers(), solver) for report in reports))

    def _with_warnings(self, report: Step, solver: NetworkSolver) -> Step:
        """The report; what the solver warns of is told once in a search."""
        for text in solver.guard.warnings:
            if text not in self._told:
                self._told.add(text)
                self.progress.warn(text)
        return report

    def _problem(self, config: TrainDeconvConfig, fold: int = 0) -> tuple[NetworkPlan, Problem]:
        images, start, config = self._parts(config)[fold], self._start(config), self._begun(config)
        restoration = restoration_of(config, images.scales, like=self._like(config))
        plan = self._plan(config, fold)
        torch.manual_seed(config.seed)
        # Degrading and measuring the validation images takes longer than a short run's step.
        alike = tuple(getattr(config, name) for name in (*READING, *DEGRADING))
        key = (fold, alike, plan.spec, plan.batches.side, plan.loss, plan.execution)
        problem = make_problem(plan, images, restoration, self._measures.get(key), start)
        if key not in self._measures:
            for text in () if self._measures else problem.warnings:
                self.progress.warn(text)
            self._measures = {k: v for k, v in self._measures.items() if self.folds and k[1:] == key[1:]}
            self._measures[key] = problem.validate
        return plan, problem

    def _trial(self, config: TrainDeconvConfig, problem: Problem, reports: Iterator[Step]) -> Trial:
        seen: list[Step] = []
        best: list[Step] = []
        # A fold must not choose the weights that it scores: the last ones are, as without validation.
        selects = problem.selects and (not self.folds or config.early_stop is not None)

        def steps() -> Generator[Step, None, None]:
            for step in reports:
                seen.append(step)
                if step.is_best or not best or not selects:
                    best[:] = [seen[-1]]
                yield seen[-1]

        def metrics() -> Metrics:
            parts: Metrics = {"train": {"loss": best[0].loss}}
            if best[0].val_loss is not None:
                parts["val"] = {"loss": best[0].val_loss, **best[0].metrics}
            return parts

        return Trial(_without_denormals(steps()), metrics)

    def fusion_key(self, config: TrainDeconvConfig) -> Hashable | None:
        """Networks of one shape, trained by one optimizer for the same number of steps; those of folds run alone."""
        if self.folds:
            return None
        plan = self._plan(config)
        watches = schedule_class(plan.optimizer.schedule.name).needs_gradient
        alone = (
            plan.limits.seconds is not None
            or plan.spec.dropout
            or plan.spec.head.pool
            or plan.spec.linear
            or watches
            or config.compile == "on"
        )
        if alone or plan.optimizer.name not in BATCHED_OPTIMIZERS:
            return None
        settings = tuple(getattr(config, name) for name in (*READING, *DEGRADING, "l1", "clip", "amp", "early_stop"))
        return (
            plan.spec, plan.optimizer.name, plan.loss, plan.batches.size, plan.batches.side, plan.batches.augment,
            plan.limits.steps, plan.limits.report_every, plan.optimizer.ema, plan.classes, settings,
        )  # fmt: skip

    def start_fused(self, configs: Sequence[TrainDeconvConfig], check_signal: Callable[[], None]) -> list[list[Trial]]:
        """All trainings of one key, in one batch."""
        configs = [self.as_fused(config) for config in configs]
        problems = [self._problem(config) for config in configs]
        batch = self._batch(problems)
        runs = []
        for config, (plan, problem), solver in zip(configs, problems, batch.solvers, strict=True):
            reports = train_replica(solver, plan.limits.criteria(), problem.validate, check_signal)
            trial = self._trial(config, problem, (report.numbers() for report in reports))
            runs.append([replace(trial, steps=_retiring(trial.steps, batch, solver))])
        return runs

    def _batch(self, problems: Sequence[tuple[NetworkPlan, Problem]]) -> BatchedNetworks:
        replicas = [
            Replica(
                problem.network, problem.batches, make_schedule(plan.optimizer.schedule, plan.optimizer.lr),
                plan.optimizer.momentum, plan.optimizer.l2, plan.optimizer.warmup,
            )
            for plan, problem in problems
        ]  # fmt: skip
        plan = problems[0][0]
        return BatchedNetworks(replicas, LOSSES[plan.loss], plan.optimizer.name, settings_for(plan))

    def fusion_pays(self, config: TrainDeconvConfig) -> bool:
        """Time a few steps of a small batch and of a single network; the verdict is kept for the key.

        A small batch takes a share of the time of a large one, and tells the same but for what lies near the limit.
        """
        key = self.fusion_key(config)
        if key not in self._verdicts:
            few = [self.as_fused(config)] * TIMED_REPLICAS
            batch = self._batch([self._problem(config) for config in few])
            fused = seconds_per_step(batch.solvers[0], TIMED_STEPS)
            alone = seconds_per_step(self._unmoved(config), TIMED_STEPS)
            self._verdicts[key] = WORTH * fused < len(few) * alone
        return self._verdicts[key]

    def _unmoved(self, config: TrainDeconvConfig) -> NetworkSolver:
        """A solver without an optimizer, which takes nearly all of a step's time: torch.optim loads in a second."""
        plan, problem = self._problem(config)
        settings = settings_for(plan)
        schedule = make_schedule(plan.optimizer.schedule, plan.optimizer.lr)
        weights = weights_of(problem.network, plan)
        return NetworkSolver(weights, problem.batches, problem.objective, [], schedule, settings)

    def rising(self, seed: int, schedule: Schedule) -> NetworkSolver:
        """A solver of the base config whose rate is the schedule's from the first step on."""
        config = self.base.model_copy(update={"seed": seed, "data_seed": self.base.seed_of_data})
        plan, problem = self._problem(config)
        plan = replace(
            plan,
            optimizer=replace(plan.optimizer, schedule=schedule.settings, lr=schedule.lr, warmup=0),
            limits=replace(plan.limits, seconds=None, steps=UNLIMITED),
            execution=replace(plan.execution, compiled=config.compile == "on"),
        )
        return make_solver(plan, problem)

    def shorter(self, config: TrainDeconvConfig, fraction: float) -> TrainDeconvConfig:
        """Less of whichever limit there is; the shape of the network stays that of the full run."""
        if fraction >= 1:
            return config
        whole = self.final(config)
        limits = {name: getattr(whole, name) for name in ("epochs", "steps", "minutes")}
        if not any(limits.values()):
            limits["minutes"] = DEFAULT_MINUTES if config.data else DEMO_MINUTES
        update: dict[str, float] = {name: value * fraction for name, value in limits.items() if value}
        update |= shorter_decay(whole, fraction)
        if limits["steps"]:
            update["steps"] = max(1, round(limits["steps"] * fraction))
        if self.by_training_loss:
            # A mean over the whole run would judge rates by how the loss was in the beginning.
            update["report_every"] = math.ceil(whole.report_every * fraction)
        else:
            # One report, at the end: measuring the validation images takes as long as many steps.
            update["report_every"] = update.get("steps") or NEVER
        if whole.warmup and config.warmup is None:
            update["warmup"] = max(1, math.ceil(whole.warmup * math.sqrt(fraction)))
        return whole.model_copy(update=update)

    def final(self, config: TrainDeconvConfig) -> TrainDeconvConfig:
        """With every choice of the plan."""
        return resolved(config, self._plan(config))

    def as_fused(self, config: TrainDeconvConfig) -> TrainDeconvConfig:
        """In float32 whatever the processor has: for networks so small bfloat16 is no faster."""
        return config.model_copy(update={"amp": "off"})


def _without_denormals(steps: Iterator[Step]) -> Generator[Step, None, None]:
    """As train-deconv does: numbers below 1e-38 cost hundreds of cycles each, and change nothing here."""
    while True:
        torch.set_flush_denormal(True)
        try:
            step = next(steps, None)
        finally:
            torch.set_flush_denormal(False)
        if step is None:
            return
        yield step


def _retiring(steps: Iterator[Step], batch: BatchedNetworks, solver: BatchedSolver) -> Generator[Step, None, None]:
    """The steps of a trial, which leaves the batch when they end, or when nobody wants more of them."""
    try:
        yield from steps
    finally:
        batch.retire(solver)
