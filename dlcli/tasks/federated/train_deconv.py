"""``dlcli federate train-deconv`` as a function: config in, report out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcli.config.federated.train_deconv import FederateDeconvConfig
from dlcli.degradations.task import Restoration
from dlcli.engine.device import describe_device, pick_network_device
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.loop import Step
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError, ExitCode
from dlcli.federated.masking import MaskKey
from dlcli.federated.networks.charts import draw_rounds
from dlcli.federated.networks.entries import client_entry, disclosed, federation_entry
from dlcli.federated.networks.server import AveragingServer
from dlcli.federated.partition import owners_of
from dlcli.federated.privacy import PrivateServer, check_accountant, noise_for
from dlcli.federated.sampling import Participation
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.data.fingerprint import fingerprint_of
from dlcli.networks.data.load import TrainingImages, read_images
from dlcli.networks.federated.clients import Client
from dlcli.networks.federated.make import (
    Rounds,
    Way,
    apart,
    fastest,
    flattening_of,
    in_precision,
    make_clients,
    make_federated,
    make_server_problem,
)
from dlcli.networks.federated.own import on_own_images
from dlcli.networks.federated.parted import agreed, dealt, labels_of, owners_by_source
from dlcli.networks.federated.pooled import train_pooled
from dlcli.networks.federated.solver import FederatedSolver
from dlcli.networks.model.start import Start
from dlcli.networks.training.advice import what_trains
from dlcli.networks.training.figures import Figures
from dlcli.networks.training.noisy.kinds import noise_like
from dlcli.networks.training.plan import describe_task, image_settings, make_plan, resolved, restoration_of
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.record import Description, Outcome
from dlcli.networks.training.report import make_report
from dlcli.networks.training.settings import NetworkPlan
from dlcli.networks.training.trainer import Training, prepare_torch
from dlcli.reports.federated.entries import FederationEntry
from dlcli.reports.train_deconv import TrainDeconvReport
from dlcli.runs import directory
from dlcli.runs.trackers.tracked import check_installed, tracked
from dlcli.text import counted

RUN = "federate-train-deconv"
OF_ONE, OF_ROUNDS = "--steps or --minutes", "--rounds or --local-steps"  # what gives a training its length
RESUMABLE = ("resume", "json_output", "quiet", "threads", "plots", "log_to")


@dataclass(frozen=True)
class Federation:
    """The clients, and the images that each has, apart and all together."""

    names: list[str]
    images: list[TrainingImages]
    whole: TrainingImages

    @classmethod
    def of(cls, config: FederateDeconvConfig, images: TrainingImages) -> "Federation":
        """Deal ``images`` out as the config says. Raises DlcliError for a client without any to train on."""
        images = replace(images, may_lend=False)  # a strip that is measured would be in what its client trains on
        if config.parts is None:
            owners = owners_by_source(images, config.data, config.axes or "")
            names = _names(config.data)
        else:
            owners = owners_of(config.partition, labels_of(images), config.parts, config.seed_of_data)
            names = [f"client-{number:0{len(str(config.parts - 1))}d}" for number in range(config.parts)]
        apart = dealt(images, owners, names)
        scales = agreed(apart, images.scales)
        return cls(names, [replace(one, scales=scales) for one in apart], replace(images, scales=scales))


def federate_deconv(config: FederateDeconvConfig, progress: Progress | None = None) -> TrainDeconvReport:
    """Train a network over images that stay with clients, and write its run directory, a checkpoint with each report.

    Returns the report, the document of report.json. Raises DlcliError: exit code 2 for bad data or settings, 4
    when training fails.
    """
    begun = time.monotonic()
    progress = progress or Silent()
    config, run = _open_run(config)
    check_installed(config.log_to)
    job = _prepared(config, progress)
    config, plan, problem, images = job.config, job.plan, job.problem, job.federation.whole
    run.path.mkdir(parents=True, exist_ok=True)
    about = Description(
        config.task, config.arch,
        f"{describe_task(config, job.restoration, images.scales.targets)}, {config.arch}, "
        f"{counted(len(job.solver.clients), 'client')}",
        what_trains(config.task, images, problem, plan.batches.side), images.train.classes,
        fingerprint_of(images, [job.restoration]), config.to_toml(run.path), job.restoration.noise,
    )  # fmt: skip
    figures = Figures(run, config.plots, problem, title=about.title, loss=plan.loss)
    training = Training(
        plan, problem, job.restoration, about, run, progress, figures, config.threads, lambda *_: job.solver
    )  # fmt: skip
    resumed = config.resume is not None
    with tracked(config.log_to, run, progress.warn, resumed), deferred_signals() as check_signal:
        outcome = training.run_all(check_signal, config.resume)
        pooled = _pooled(job, outcome, progress, check_signal)
        report = make_report(outcome, images, describe_device(plan.execution.device), time.monotonic() - begun)
        signal = pooled.signum or report.signal
        texts = [text.replace(OF_ONE, OF_ROUNDS) for text in report.warnings]
        report = report.model_copy(
            update={
                "command": config.command, "federation": _entry(job, training, pooled), "signal": signal,
                "warnings": texts,
            }
        )  # fmt: skip
        run.write(directory.REPORT, report.to_json() + "\n")
        if outcome.last.status != "diverged":
            for text in report.warnings[len(problem.warnings) + len(outcome.warnings) :]:
                progress.warn(text)
            progress.result(report)
            draw_rounds(run, config.plots, training.record.steps, pooled.steps, about.title)
    if outcome.last.status == "diverged":
        raise _diverged(outcome)
    return report


@dataclass(frozen=True)
class Job:
    """All that a training over clients needs; ``pooled`` is the plan of the one to compare with."""

    config: FederateDeconvConfig
    federation: Federation
    restoration: Restoration
    plan: NetworkPlan
    problem: Problem
    solver: FederatedSolver
    pooled: NetworkPlan
    start: Start | None


def _prepared(given: FederateDeconvConfig, progress: Progress) -> Job:
    """Read the images, deal them out, and make the server and its clients."""
    config = given.with_defaults()
    device = pick_network_device(config.device)
    begins = config.start is not None and not config.resume
    if begins and config.start:
        Start.of(config.start, None)  # refused before images are read, which may take long
    images = read_images(image_settings(config), progress)
    start = Start.of(config.start, images.train.channels) if begins and config.start else None
    config = start.adopted(config) if start else config
    federation = Federation.of(config, images)
    images = federation.whole
    like = noise_like(config, images)
    restoration = restoration_of(config, images.scales, None, like)
    rounds = Rounds(config.total_rounds, config.steps_of_round, config.trained_by.mu)
    facts = ImageFacts.of(images, restoration)
    plan = apart(make_plan(config, facts, device), rounds)

    def made(plan: NetworkPlan) -> tuple[Problem, list[Client]]:
        prepare_torch(config.seed, config.threads)
        problem = make_server_problem(plan, images, restoration, start)
        return problem, make_clients(plan, federation.images, federation.names, restoration)

    problem, clients = made(plan)
    fused = None if config.fuse == "auto" else config.fuse == "on"
    way = fastest(plan, problem, clients, rounds, Way(fused, None if config.amp == "auto" else plan.execution.half))
    if bool(way.half) != plan.execution.half:
        plan = in_precision(plan, half=bool(way.half))
        problem, clients = made(plan)
    participation = Participation(len(clients), config.fraction, config.client_failures, config.seed)
    server = _server(config, participation)
    if isinstance(server, PrivateServer):
        config = config.model_copy(update={"dp_noise": server.noise, "dp_epsilon": None})
    solver = make_federated(plan, problem, clients, server, rounds, fused=bool(way.fused))
    solver.flattening = flattening_of(plan, restoration)
    config = resolved(config, plan).model_copy(
        update={"fuse": "on" if way.fused else "off", "amp": "on" if way.half else "off", "steps": None}
    )
    problem = replace(problem, notes=(*problem.notes, *_told(config, federation)))
    whole = given.model_copy(update={"steps": rounds.rounds * rounds.local_steps})
    pooled = in_precision(make_plan(start.adopted(whole) if start else whole, facts, device), half=bool(way.half))
    return Job(config, federation, restoration, plan, problem, solver, pooled, start)


def _server(config: FederateDeconvConfig, participation: Participation) -> AveragingServer | PrivateServer:
    """Who asks, and adds up. Raises DlcliError for privacy that can't be had."""
    key = MaskKey(config.seed) if config.secure_sum else None
    if not config.is_private or config.dp_clip is None:
        return AveragingServer(participation, key)
    check_accountant()
    noise = config.dp_noise
    if noise is None:
        noise = noise_for(config.dp_epsilon or 0.0, participation, config.total_rounds, config.dp_delta)
    return PrivateServer(participation, config.dp_clip, noise, config.seed, key)


def _names(data: Sequence[str]) -> list[str]:
    """Of clients, by what each has: the last part of its path, or all of it where two have the same."""
    names = [Path(one).name or one for one in data]
    return names if len(set(names)) == len(names) else list(data)


def _told(config: FederateDeconvConfig, federation: Federation) -> list[str]:
    """Lines on who has what, and on how they train."""
    counts = [len(images.train) for images in federation.images]
    algorithm = f"FedProx, mu {config.trained_by.mu:g}" if config.trained_by.name == "fedprox" else "FedAvg"
    dealt_out = f", dealt out {config.partition}" if config.parts is not None else ""
    asked = "" if config.fraction == 1 else f", {config.fraction:.0%} of them asked in each"
    together = "in one stack" if config.fuse == "on" else "one after another"
    return [
        f"{counted(len(counts), 'client')}{dealt_out}: {min(counts):,} to {max(counts):,} images train at each",
        f"{algorithm}: {counted(config.total_rounds, 'round')} of {counted(config.steps_of_round, 'step')} of a client"
        f"{asked}; clients train {together}",
    ]


@dataclass(frozen=True)
class PooledRun:
    """The reports of the training on all images; ``signum`` is that of a signal that ended it."""

    steps: list[Step] = field(default_factory=list)
    signum: int = 0


def _pooled(job: Job, outcome: Outcome, progress: Progress, check_signal: Callable[[], None]) -> PooledRun:
    """Train on all images at once, where that is asked for, and the clients' training went to its end."""
    if not job.config.compares or outcome.last.status != "finished":
        return PooledRun()
    progress.note(f"for comparison, {counted(outcome.last.step, 'step')} on all images at once, as train-deconv")
    steps = []
    for step in train_pooled(job.pooled, job.federation.whole, job.restoration, check_signal, job.start):
        steps.append(step.numbers())
        progress.reached(f"pooled: step {step.step:,} of {outcome.last.step:,}")
    progress.reached("")
    if steps[-1].signum:
        progress.warn("the training on all images was interrupted: the report has no comparison")
        return PooledRun([], steps[-1].signum)
    return PooledRun(steps)


def _entry(job: Job, training: Training, pooled: PooledRun) -> FederationEntry:
    """What the report says of the clients."""
    metrics = on_own_images(job.solver.clients, training.record.best)
    each = zip(job.solver.clients, job.federation.images, metrics, strict=True)
    clients = [client_entry(client, images, job.solver, found) for client, images, found in each]
    told = disclosed(job.config, job.federation.whole, linear=bool(job.plan.spec.linear))
    return federation_entry(job.config, job.solver, clients, training.record.steps, _best(pooled.steps), told)


def _best(steps: Sequence[Step]) -> dict[str, dict[str, float]] | None:
    """The metrics of the weights that train-deconv would save; None where there are none."""
    usable = [step for step in steps if step.status != "diverged"]
    if not usable:
        return None
    best = next((step for step in reversed(usable) if step.is_best), usable[-1])
    found = {"train": {"loss": best.loss}}
    return found if best.val_loss is None else found | {"val": {"loss": best.val_loss, **best.metrics}}


def _diverged(outcome: Outcome) -> DlcliError:
    last, lr = outcome.last, outcome.plan.optimizer.lr
    return DlcliError(
        f"training failed at step {last.step} with learning rate {lr:.4g} ({last.reason})",
        f"use a smaller learning rate, such as --lr {lr / 10:.2g}", ExitCode.TRAINING_FAILED,
    )  # fmt: skip


def _open_run(config: FederateDeconvConfig) -> tuple[FederateDeconvConfig, directory.RunDirectory]:
    """The run's directory; with --resume also the settings that it had."""
    if config.resume is None:
        return config, directory.RunDirectory(RUN, config.out, config.force)
    for name in sorted(config.model_fields_set - set(RESUMABLE)):
        flag = "DATA" if name == "data" else "--" + name.replace("_", "-")
        raise DlcliError(
            f"{flag} can't change with --resume: a run of rounds goes on as it was begun", f"leave {flag} out"
        )
    run = directory.RunDirectory.reopen(RUN, config.resume)
    saved = FederateDeconvConfig.read_toml(config.resume / directory.CONFIG)
    return FederateDeconvConfig.build({**saved, **config.given()}), run
