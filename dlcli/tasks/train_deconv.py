"""``dlcli train-deconv`` as a function: config in, report out."""

import time
from dataclasses import replace
from pathlib import Path

from dlcli import __version__
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.device import describe_device, pick_network_device
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.progress import Progress, Silent
from dlcli.engine.ranks import ALONE, Ranks, launched
from dlcli.errors import DlcliError, ExitCode
from dlcli.files import JsonObject, write_atomic
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.data.fingerprint import fingerprint_of
from dlcli.networks.data.load import read_images
from dlcli.networks.model.start import Start
from dlcli.networks.training.advice import what_trains
from dlcli.networks.training.figures import Figures
from dlcli.networks.training.noisy.beginning import with_beginning
from dlcli.networks.training.noisy.kinds import noise_like
from dlcli.networks.training.pace import depth_is_open, few_steps, paced
from dlcli.networks.training.plan import describe_task, image_settings, make_plan, noise_in, resolved, restoration_of
from dlcli.networks.training.problem import make_problem
from dlcli.networks.training.record import Description
from dlcli.networks.training.report import make_report
from dlcli.networks.training.settings import NetworkPlan
from dlcli.networks.training.trainer import Training, prepare_torch
from dlcli.reports.train_deconv import TrainDeconvReport
from dlcli.runs import checkpoint, directory
from dlcli.runs.trackers.tracked import check_installed, tracked

LIMITS = ("epochs", "steps", "minutes")
RUN = "train-deconv"  # under this name a group remembers its run's directory
RESUMABLE = (*LIMITS, "resume", "json_output", "quiet", "threads", "plots", "log_to")


def train_deconv(config: TrainDeconvConfig, progress: Progress | None = None) -> TrainDeconvReport:
    """Train a network and write its run directory, a checkpoint with each report.

    Returns the report, the document of report.json. Raises DlcliError: exit code 2 for bad data or settings, 4
    when training fails. Where torchrun started several processes, all call it, and the first one writes.
    """
    start = time.monotonic()
    ranks = launched()
    progress = progress if progress and ranks.leads else Silent()
    device = _device_of(ranks, pick_network_device(config.device))
    ranks.connect(device)
    config, run = _open_run(config, ranks, progress)
    check_installed(config.log_to)
    if config.start and not config.resume:
        Start.of(config.start, None)  # refused before images are read, which may take long
    images = read_images(image_settings(config), progress)
    images = replace(images, noise=noise_in(config, images))
    method = images.noise.method if images.noise else None
    config = config if config.resume else with_beginning(config, method, images.train.channels, progress)
    start_from = Start.of(config.start, images.train.channels) if config.start and not config.resume else None
    config = start_from.adopted(config) if start_from else config
    like = noise_like(config, images)
    images = replace(images, notes=(*images.notes, f"--noise: {like.note}")) if like else images
    config = config if images.noise is None else config.model_copy(update={"method": images.noise.method})
    restoration = restoration_of(config, images.scales, images.noise, like)
    plan = make_plan(config, ImageFacts.of(images, restoration), device, ranks)
    prepare_torch(config.seed, config.threads)
    plan = _as_fast_as_it_is(config, plan, progress)
    config = resolved(config, plan)
    problem = make_problem(plan, images, restoration, start=start_from)
    data = fingerprint_of(images, [restoration])
    _check_alike(ranks, plan, data)
    if ranks.leads:
        run.path.mkdir(parents=True, exist_ok=True)
        ranks.keep(RUN, str(run.path))
    about = Description(
        config.task,
        config.arch,
        f"{describe_task(config, restoration, images.scales.targets)}, {config.arch}",
        what_trains(config.task, images, problem, plan.batches.side),
        images.train.classes,
        data,
        config.to_toml(run.path),
        restoration.noise,
    )
    figures = Figures(run, config.plots if ranks.leads else "none", problem, title=about.title, loss=plan.loss)
    training = Training(plan, problem, restoration, about, run, progress, figures, config.threads)
    resumed = config.resume is not None
    # The report is written too, whatever comes while it is.
    with tracked(config.log_to, run, progress.warn, resumed), deferred_signals() as check_signal:
        outcome = training.run_all(check_signal, config.resume)
        report = make_report(outcome, images, describe_device(device), time.monotonic() - start)
        run.write(directory.REPORT, report.to_json() + "\n")
        if outcome.last.status != "diverged":
            for text in report.warnings[len(problem.warnings) + len(outcome.warnings) :]:
                progress.warn(text)
            progress.result(report)
    ranks.close()
    if outcome.last.status == "diverged":
        last, lr = outcome.last, plan.optimizer.lr
        raise DlcliError(
            f"training failed at step {last.step} with learning rate {lr:.4g} ({last.reason})",
            f"use a smaller learning rate, such as --lr {lr / 10:.2g}", ExitCode.TRAINING_FAILED,
        )  # fmt: skip
    return report


def _as_fast_as_it_is(config: TrainDeconvConfig, plan: NetworkPlan, progress: Progress) -> NetworkPlan:
    """The plan with the depth that is left open, by how many steps the time given allows."""
    if not depth_is_open(config, plan):
        return plan
    plan, steps = paced(plan)
    if (text := few_steps(steps, plan.limits.seconds or 0.0)) is not None:
        progress.warn(text)
    return plan


def _device_of(ranks: Ranks, device: str) -> str:
    """``device``, or this process's own one where it is any GPU of the host."""
    return f"cuda:{ranks.local_rank}" if ranks.count > 1 and device == "cuda" else device


def _check_alike(ranks: Ranks, plan: NetworkPlan, data: JsonObject) -> None:
    """Raises DlcliError where another process has other settings or images than the first."""
    same = replace(plan.execution, device=plan.execution.device.partition(":")[0], ranks=ALONE)
    everyone = ranks.gather([__version__, repr(replace(plan, execution=same)), data["digest"]])
    what = ("another version of dlcli", "other settings", "other images")
    for name, first, mine in zip(what, everyone[0], everyone[ranks.rank], strict=True):
        if first != mine:
            raise DlcliError(
                f"process {ranks.rank} has {name} than process 0",
                "start all with the same command, on copies of the same data",
            )


def _open_run(
    config: TrainDeconvConfig, ranks: Ranks, progress: Progress
) -> tuple[TrainDeconvConfig, directory.RunDirectory]:
    """The run's directory; with --resume also the settings that it had, with the limit that is given now.

    A group of processes that is started again, as one of them was killed, goes on with the run that it had.
    """
    before = _before(ranks, progress) if ranks.restarts else None
    if before and before["begun"]:
        given = {name: value for name, value in config.given().items() if name in RESUMABLE}
        config = TrainDeconvConfig.build({**given, "resume": before["path"]})
    if config.resume is None:
        if not ranks.leads:
            return config, directory.UnwrittenRun("train-deconv")
        out, force = (Path(str(before["path"])), True) if before else (config.out, config.force)
        return config, directory.RunDirectory("train-deconv", out, force)
    for name in sorted(config.model_fields_set - set(RESUMABLE)):
        flag = "DATA" if name == "data" else "--" + name.replace("_", "-")
        raise DlcliError(f"{flag} can't change with --resume", "give only --epochs, --steps or --minutes with it")
    run: directory.RunDirectory = directory.UnwrittenRun("train-deconv")
    saved: dict[str, object] = {}
    if ranks.leads:
        run = directory.RunDirectory.reopen("train-deconv", config.resume)
        saved = TrainDeconvConfig.read_toml(config.resume / directory.CONFIG)
        if before:
            run.remove(directory.REPORT)  # killed after its end, it ends once more
    given, saved = config.given(), ranks.share(saved)
    if any(name in given for name in LIMITS):
        saved = {name: value for name, value in saved.items() if name not in LIMITS}
    return TrainDeconvConfig.build({**saved, **given}), run


def _before(ranks: Ranks, progress: Progress) -> dict[str, str | bool] | None:
    """The run that the group had before it was started again: where it is, and whether it had begun to train.

    Where the first process is on another host than before, it gets what the run goes on from.
    """
    path = ranks.kept(RUN)
    if path is None:
        return None
    run = Path(path)
    found = ranks.gather([run.is_dir(), (run / checkpoint.STATE).is_file()])
    if not found[0][0]:
        having = next((rank for rank, (_, checkpoints) in enumerate(found) if checkpoints), None)
        if having is None:
            progress.warn(
                f"process 0 is on another host than before, and no host has the checkpoint of {path}: the training "
                "starts anew; an --out that all hosts share would go on"
            )
        else:
            _bring(run, ranks, having)
    begun: bool = ranks.share((run / directory.CONFIG).is_file())
    return {"path": path, "begun": begun}


def _bring(run: Path, ranks: Ranks, having: int) -> None:
    """Write the settings and the checkpoint of ``run``, which process ``having`` has, where process 0 is."""
    for name in (checkpoint.STATE, directory.CONFIG):  # the settings say that there is something to go on from
        data = ranks.gather((run / name).read_bytes() if ranks.rank == having else b"")[having]
        if ranks.leads:
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomic(run / name, data)
