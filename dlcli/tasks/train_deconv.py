"""``dlcli train-deconv`` as a function: config in, report out."""

import time

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.device import describe_device, pick_network_device
from dlcli.engine.interrupts import deferred_signals
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError, ExitCode
from dlcli.networks.data.fingerprint import fingerprint_of
from dlcli.networks.data.load import read_images
from dlcli.networks.training.advice import what_trains
from dlcli.networks.training.figures import Figures
from dlcli.networks.training.plan import ImageFacts, describe_task, image_settings, make_plan, resolved, restoration_of
from dlcli.networks.training.problem import make_problem
from dlcli.networks.training.record import Description
from dlcli.networks.training.report import make_report
from dlcli.networks.training.trainer import Training, prepare_torch
from dlcli.reports.train_deconv import TrainDeconvReport
from dlcli.runs import directory

LIMITS = ("epochs", "steps", "minutes")
RESUMABLE = (*LIMITS, "resume", "json_output", "quiet", "threads", "plots")


def train_deconv(config: TrainDeconvConfig, progress: Progress | None = None) -> TrainDeconvReport:
    """Train a network and write its run directory, a checkpoint with each report.

    Returns the report, the document of report.json. Raises DlcliError: exit code 2 for bad data or settings, 4
    when training fails.
    """
    start = time.monotonic()
    progress = progress or Silent()
    config, run = _open_run(config)
    device = pick_network_device(config.device)
    images = read_images(image_settings(config), progress)
    restoration = restoration_of(config)
    plan = make_plan(config, ImageFacts.of(images, restoration), device)
    config = resolved(config, plan)
    prepare_torch(config.seed, config.threads)
    problem = make_problem(plan, images, restoration)
    run.path.mkdir(parents=True, exist_ok=True)
    about = Description(
        config.task,
        config.arch,
        f"{describe_task(config)}, {config.arch}",
        what_trains(config.task, images, problem, plan.batches.side),
        images.train.classes,
        fingerprint_of(images, [restoration]),
        config.to_toml(run.path),
    )
    figures = Figures(run, config.plots, problem, title=about.title, loss=plan.loss)
    training = Training(plan, problem, restoration, about, run, progress, figures, config.threads)
    with deferred_signals() as check_signal:  # the report is written too, whatever comes while it is
        outcome = training.run_all(check_signal, config.resume)
        report = make_report(outcome, images, describe_device(device), time.monotonic() - start)
        run.write(directory.REPORT, report.to_json() + "\n")
        if outcome.last.status != "diverged":
            for text in report.warnings[len(problem.warnings) :]:
                progress.warn(text)
            progress.result(report)
    if outcome.last.status == "diverged":
        last, lr = outcome.last, plan.optimizer.lr
        raise DlcliError(
            f"training failed at step {last.step} with learning rate {lr:.4g} ({last.reason})",
            f"use a smaller learning rate, such as --lr {lr / 10:.2g}", ExitCode.TRAINING_FAILED,
        )  # fmt: skip
    return report


def _open_run(config: TrainDeconvConfig) -> tuple[TrainDeconvConfig, directory.RunDirectory]:
    """The run's directory; with --resume also the settings that it had, with the limit that is given now."""
    if config.resume is None:
        return config, directory.RunDirectory("train-deconv", config.out, config.force)
    for name in sorted(config.model_fields_set - set(RESUMABLE)):
        flag = "DATA" if name == "data" else "--" + name.replace("_", "-")
        raise DlcliError(f"{flag} can't change with --resume", "give only --epochs, --steps or --minutes with it")
    run = directory.RunDirectory.reopen("train-deconv", config.resume)
    given = config.given()
    saved = TrainDeconvConfig.read_toml(config.resume / directory.CONFIG)
    if any(name in given for name in LIMITS):
        saved = {name: value for name, value in saved.items() if name not in LIMITS}
    return TrainDeconvConfig.build({**saved, **given}), run
