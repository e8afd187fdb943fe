"""One run of a network's training: reports, checkpoints, the best weights."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from dlcli.degradations.task import Restoration
from dlcli.engine.device import describe_device
from dlcli.engine.loop import Iterate, LoopState, Step, train
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.fingerprint import difference
from dlcli.networks.model.saved import SavedNetwork
from dlcli.networks.training.cores import Cores
from dlcli.networks.training.factory import make_solver
from dlcli.networks.training.figures import Figures
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.record import Description, Outcome, TrainingRecord
from dlcli.networks.training.settings import NetworkPlan
from dlcli.networks.training.solver import RunSolver
from dlcli.runs import checkpoint, directory
from dlcli.text import counted


def prepare_torch(seed: int, threads: int | None) -> None:
    """Seed torch's generators, and set its number of threads where one was asked for."""
    torch.manual_seed(seed)
    if threads:
        torch.set_num_threads(threads)


@dataclass
class Training:
    """One run of the loop: the solver, what it has reached, and what each report leaves in the run directory.

    ``threads`` are those that the user asked for; else a run that is taken up again gets those that it had. ``make``
    makes the solver.
    """

    plan: NetworkPlan
    problem: Problem
    restoration: Restoration
    about: Description
    run: directory.RunDirectory
    progress: Progress
    figures: Figures
    threads: int | None = None
    make: Callable[[NetworkPlan, Problem], RunSolver] = make_solver

    def __post_init__(self) -> None:
        self.solver = self.make(self.plan, self.problem)
        self.state = LoopState()
        start = Step(0, math.nan, None, self.plan.optimizer.lr, math.nan, 0.0, True)
        self.record = TrainingRecord(start, start, start, self.solver.parameters())

    @property
    def device(self) -> str:
        """Where the network is trained."""
        return self.plan.execution.device

    @property
    def weights(self) -> int:
        """How many numbers the network learns."""
        return sum(p.numel() for p in self.problem.network.parameters())

    def run_all(self, check_signal: Callable[[], None], resume: Path | None = None) -> Outcome:
        """Train to the end, or to a signal, for which ``check_signal`` raises Interrupted.

        ``resume`` is the run's directory where it is taken up again. Raises DlcliError where its checkpoint doesn't
        fit.
        """
        # Numbers below 1e-38 cost a processor hundreds of cycles each, and change nothing here.
        torch.set_flush_denormal(True)
        try:
            ended = resume is not None and self._take_up(resume)
            self.run.write(directory.CONFIG, self.about.config)
            if not ended:
                self._train(check_signal)
            self._measure_saved()
            self.figures.draw(self.record.steps, self.record.best_step)
        finally:
            torch.set_flush_denormal(False)
            self.progress.end()
        if self.solver.bad_steps.skipped:
            self.progress.warn(
                f"skipped {counted(self.solver.bad_steps.skipped, 'step')} whose loss or gradient was not finite"
            )
        return Outcome(
            str(self.run.path), self.about, self.plan, self.problem, self.record.best_step, self.record.last,
            self.weights, self.solver.batch_size, self.solver.images_seen, self.solver.bad_steps.skipped,
            tuple(self.solver.warnings),
        )  # fmt: skip

    def _measure_saved(self) -> None:
        """Measure the saved weights where no report of this process did: those of a run that was taken up again."""
        validate = self.problem.validate
        if validate is not None and not validate.has_kept:
            validate(self.record.best)
            validate.keep()

    def _train(self, check_signal: Callable[[], None]) -> None:
        limits, ranks = self.plan.limits, self.plan.execution.ranks
        for text in filter(None, (self.about.images, *self.problem.notes, limits.note)):
            self.progress.note(text)
        if ranks.count > 1 and self.plan.spec.dropout:
            self.progress.note("other units are dropped than by another number of processes")
        for text in self.problem.warnings:
            self.progress.warn(text)
        self.progress.begin(self._title(), limits.steps, self.problem.validate is not None, limits.seconds)
        self.figures.prepare()
        warned, cores = 0, Cores(torch.get_num_threads() * ranks.count)
        for step in train(self.solver, limits.criteria(), self.problem.validate, self.state, check_signal, ranks):
            self._report(step)
            if step.step and (told := cores.busy()):
                self.progress.note(told)
            for text in self.solver.warnings[warned:]:
                self.progress.warn(text)
            warned = len(self.solver.warnings)

    def _take_up(self, path: Path) -> bool:
        """Bring the directory and the training back to the last checkpoint; whether the run had ended there.

        The checkpoint is written last of what a report leaves for the rest of the run, in one piece: what is newer
        will come again, and what else the directory holds follows from it.
        """
        if not self.plan.execution.ranks.share(self.run.has(checkpoint.STATE) or self.run.has_reports()):
            self.progress.note(f"{path} has no checkpoint yet: the run starts from its beginning")
            self.run.keep_metrics(-1, [])
            self.run.remove_cut_off()
            return False
        ended = self._restore(path)
        self.run.remove_cut_off()
        self.run.remove(directory.REPORT)  # it comes with the end: an older one must not pass for this one's
        self.run.keep_metrics(self.record.recorded, [_record(step) for step in self.record.steps])
        self._write_model(self.record.best)  # not the one that a signal left
        if ended:
            self.progress.note(f"{path} had already ended, but its report was missing")
        return ended

    def _title(self) -> str:
        optimizer = self.plan.optimizer.name
        what = f"{self.about.title}, {self.weights:,} weights, {optimizer}, {self.device}"
        if (count := self.plan.execution.ranks.count) > 1:
            what += f", {count} processes"
        return f"train-deconv: {what}" + (", bfloat16" if self.solver.weights.dtype == torch.bfloat16 else "")

    def _report(self, step: Iterate[dict[str, Tensor]]) -> None:
        self.record.last = step.numbers()
        self.record.steps.append(self.record.last)
        if step.step != self.record.recorded:  # a signal during a report is answered by another one of the same step
            self.run.append_metrics(_record(step))
            self.record.recorded = step.step
        diverged = step.status == "diverged"
        if (step.is_best or not self.problem.selects) and not diverged:
            if self.problem.validate is not None:
                self.problem.validate.keep()
            self._write_model(step.parameters)
            self.record.best_step = self.record.last
            if not step.signum:  # the report of a signal leaves no trace in the checkpoint
                self.record.best, self.record.best_kept = step.parameters, self.record.last
        if not diverged and self.leads:
            self.run.write(checkpoint.STATE, self._checkpoint())
        self.figures.refresh(self.record.steps, self.record.best_step)
        self.progress.step(self.record.last)

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes."""
        return self.plan.execution.ranks.leads

    def _write_model(self, state: dict[str, Tensor]) -> None:
        if self.leads:
            self.run.write(directory.MODEL, self._saved(state).to_bytes())

    def _saved(self, state: dict[str, Tensor]) -> SavedNetwork:
        task = self.restoration.to_json() | {"channels": self.plan.spec.output_channels}
        arrays, scales = self.restoration.arrays or {}, self.problem.scales
        return SavedNetwork(self.plan.spec, state, task, self.about.classes, arrays, scales)

    def _checkpoint(self) -> bytes:
        arrays, numbers = self.solver.state_dict()
        arrays |= {f"best.{name}": tensor.numpy() for name, tensor in self.record.best.items()}
        numbers["memory"] = vars(self.state)
        numbers["threads"], numbers["processes"] = torch.get_num_threads(), self.plan.execution.ranks.count
        numbers["environment"] = _environment(self.device)
        numbers["data"] = self.about.data
        numbers["limits"] = self._limits()
        numbers["signal"] = self.record.last.signum
        numbers["best_step"] = _plain(self.record.best_kept)
        numbers["steps"] = [_plain(step) for step in self.record.steps if not step.signum]
        return checkpoint.to_bytes(arrays, numbers)

    def _restore(self, path: Path) -> bool:
        """Take up the checkpoint; whether the run had ended there. Raises DlcliError where its report is there, too."""
        ranks = self.plan.execution.ranks
        self._check_scales(path)
        arrays, numbers = checkpoint.load(path, ranks)
        try:
            if changed := difference(numbers["data"], self.about.data):
                raise DlcliError(
                    f"--resume {path}: its data have changed since they were trained on: {changed}",
                    "restore the old data, or start a new training without --resume",
                )
            self.record.steps = [Step(**values) for values in numbers["steps"]]
            self.record.last = self.record.steps[-1]
            further = numbers["limits"] != self._limits() and self._has_room(
                numbers["step"], numbers["memory"]["seconds"]
            )
            ended = bool(self.record.last.status) and not numbers["signal"] and not further
            if ended and self.run.has(directory.REPORT):
                raise DlcliError(
                    f"--resume {path}: the run is finished ({self.record.last.reason})",
                    "give more --steps, --epochs or --minutes",
                )
            self.solver.load_state_dict(arrays, numbers)
            memory = {"recent": numbers["memory"]["best"]} | numbers["memory"]  # which older checkpoints lack
            self.state = LoopState(**(memory | {"resumed": True}))
            self.record.best = {n[5:]: torch.from_numpy(a.copy()) for n, a in arrays.items() if n.startswith("best.")}
            self.record.best_step = self.record.best_kept = Step(**numbers["best_step"])
            self.record.recorded = self.solver.step
            if not (ended or numbers["signal"]):  # the loop tells the solver of a report once this has been written
                self.solver.scheduler_step(self.record.last.watched)
            if further:
                self._lengthen()
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            text = " ".join(str(error).split())
            raise DlcliError(
                f"--resume {path}: its checkpoint doesn't fit its settings: {text}", "start a new training"
            ) from None
        if not self.threads and self.device == "cpu" and numbers.get("processes", 1) == ranks.count:
            torch.set_num_threads(int(numbers["threads"]))
        if numbers["environment"] != _environment(self.device):
            self.progress.warn(
                f"the checkpoint was made by {numbers['environment']}, this is {_environment(self.device)}: the run "
                "continues, but its numbers may differ in the last digits"
            )
        return ended

    def _check_scales(self, path: Path) -> None:
        """Raises DlcliError where the run's network saw other values: another version found their range otherwise."""
        model, now = path / directory.MODEL, self.problem.scales.inputs
        if not self.leads or not model.is_file() or (before := SavedNetwork.load(model).scales) == self.problem.scales:
            return
        raise DlcliError(
            f"--resume {path}: its network was trained on values normalized by {before.inputs.shown}, and this version "
            f"normalizes them by {now.shown}",
            "start a new training",
        )

    def _lengthen(self) -> None:
        """Have the learning rates add up to those of one run of the new length."""
        if (factor := self.solver.lengthened()) is None:
            return
        self.state.recent, self.state.bad_reports = math.inf, 0  # a higher rate has a higher loss at first
        limits = self.plan.limits
        whole = f"{limits.steps:,} steps" if limits.steps else f"{(limits.seconds or 0) / 60:g} minutes"
        self.progress.note(
            f"goes on from step {self.solver.step:,} as one run of {whole}: the learning rate, which had fallen for a "
            f"shorter one, is {factor:.3g} times that of the schedule, so that validation gets worse before it gets "
            "better"
        )

    def _limits(self) -> list[float | None]:
        return [self.plan.limits.steps, self.plan.limits.seconds]

    def _has_room(self, step: int, seconds: float) -> bool:
        """Whether the limits allow for more than this."""
        limit, limit_of_time = self.plan.limits.steps, self.plan.limits.seconds
        return (limit is None or step < limit) and (limit_of_time is None or seconds < limit_of_time)


def _record(step: Step) -> JsonObject:
    """A report as metrics.jsonl has it."""
    return {
        "step": step.step, "loss": step.loss, "val_loss": step.val_loss, **step.metrics, "lr": step.lr,
        "gradient_norm": step.gradient_norm, "seconds": step.seconds,
    }  # fmt: skip


def _plain(step: Step) -> JsonObject:
    return vars(step) | {"metrics": dict(step.metrics)}


def _environment(device: str) -> str:
    capability = torch.backends.cpu.get_cpu_capability() if device == "cpu" else describe_device(device)
    return f"torch {torch.__version__}, {capability}"
