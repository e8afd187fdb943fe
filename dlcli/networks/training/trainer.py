"""One run of a network's training: reports, checkpoints, the best weights."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.task import Restoration
from dlcli.engine.loop import LoopState, Step, train
from dlcli.engine.progress import Progress
from dlcli.errors import DlcliError
from dlcli.fingerprint import difference
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.saved import SavedNetwork
from dlcli.networks.training.advice import noise_of
from dlcli.networks.training.factory import limits_of, make_solver
from dlcli.networks.training.pictures import Pictures
from dlcli.networks.training.plan import NetworkPlan
from dlcli.networks.training.problem import Problem
from dlcli.networks.training.report import measure_saved
from dlcli.runs import checkpoint, directory


@dataclass
class Training:
    """One run of the loop: the solver, what it has reached, and what each report leaves in the run directory."""

    config: TrainDeconvConfig
    plan: NetworkPlan
    problem: Problem
    run: directory.RunDirectory
    device: str
    progress: Progress
    restoration: Restoration
    classes: tuple[str, ...]
    data: dict[str, Any]  # the fingerprint of what it is trained on
    about: str = ""  # what is trained, for the header

    def __post_init__(self) -> None:
        network: Any = self.problem.network
        self.network: DeconvNet = network
        self.solver = make_solver(self.config, self.plan, self.problem, self.device)
        self.memory = LoopState()
        self.best: dict[str, Tensor] = self.solver.parameters()
        self.best_step = self.last = Step(0, math.nan, None, self.plan.lr, math.nan, 0.0, True, None)
        self.best_kept = self.best_step
        self.steps: list[Step] = []
        title = f"{noise_of(self.config)}, {self.config.arch}"
        self.pictures = Pictures(self.run, self.config.plots, self.problem, title=title, loss=self.plan.loss)
        self.recorded = -1  # the last step in metrics.jsonl

    def run_all(self, check_signal: Callable[[], None]) -> None:
        """Train to the end, or to a signal, for which ``check_signal`` raises Interrupted."""
        # Numbers below 1e-38 cost a processor hundreds of cycles each, and change nothing here.
        torch.set_flush_denormal(True)
        try:
            ended = self.config.resume is not None and self._take_up(self.config.resume)
            self.run.write(directory.CONFIG, self.config.to_toml())
            if not ended:
                self._train(check_signal)
            measure_saved(self)
            self.pictures.draw(self.steps, self.best_step)
        finally:
            torch.set_flush_denormal(False)
            self.progress.end()
        if self.solver.skipped:
            self.progress.warn(f"skipped {self.solver.skipped} steps whose loss or gradient was not finite")

    def _train(self, check_signal: Callable[[], None]) -> None:
        plan = self.plan
        for text in (self.about, *self.problem.notes):
            self.progress.note(text)
        for text in self.problem.warnings:
            self.progress.warn(text)
        self.progress.begin(self._title(), plan.steps, self.problem.validate is not None, plan.seconds)
        self.pictures.prepare()
        warned = 0
        self.solver.check_signal = check_signal
        self.solver.origin = time.monotonic() - self.memory.seconds
        for step in train(self.solver, limits_of(self.config, plan), self.problem.validate, self.memory):
            self._report(step)
            for text in self.solver.warnings[warned:]:
                self.progress.warn(text)
            warned = len(self.solver.warnings)

    def _take_up(self, path: Path) -> bool:
        """Bring the directory and the training back to the last checkpoint; whether the run had ended there.

        The checkpoint is written last of what a report leaves for the rest of the run, in one piece: what is newer
        will come again, and what else the directory holds follows from it.
        """
        if not self.run.has(checkpoint.STATE) and not self.run.has_reports():
            self.progress.note(f"{path} has no checkpoint yet: the run starts from its beginning")
            self.run.keep_metrics(-1, [])
            self.run.remove_cut_off()
            return False
        ended = self._restore(path)
        self.run.remove_cut_off()
        self.run.remove(directory.REPORT)  # it comes with the end: an older one must not pass for this one's
        self.run.keep_metrics(self.recorded, [_record(step) for step in self.steps])
        self.run.write(directory.MODEL, self._saved(self.best).to_bytes())  # not the one that a signal left
        if ended:
            self.progress.note(f"{path} had ended already, but for its report")
        return ended

    def _title(self) -> str:
        size = sum(p.numel() for p in self.network.parameters())
        config, plan = self.config, self.plan
        what = f"{noise_of(config)}, {config.arch}, {size:,} weights, {plan.optimizer}, {self.device}"
        return f"train-deconv: {what}" + (", bfloat16" if self.solver.weights.dtype == torch.bfloat16 else "")

    def _report(self, step: Step) -> None:
        self.last = replace(step, parameters=None)
        self.steps.append(self.last)
        if step.step != self.recorded:  # a signal during a report is answered by another one of the same step
            self.run.append_metrics(_record(step))
            self.recorded = step.step
        diverged = step.status == "diverged"
        if (step.is_best or not self.problem.selects) and not diverged:
            if self.problem.validate is not None:
                self.problem.validate.keep()
            self.run.write(directory.MODEL, self._saved(step.parameters).to_bytes())
            self.best_step = self.last
            if not step.signum:  # the report of a signal leaves no trace in the checkpoint
                self.best, self.best_kept = step.parameters, self.last
        if not diverged:
            self.run.write(checkpoint.STATE, self._checkpoint())
        self.pictures.refresh(self.steps, self.best_step)
        self.progress.step(self.last)

    def _saved(self, state: dict[str, Tensor]) -> SavedNetwork:
        task = self.restoration.to_json() | {"channels": self.network.spec.output_channels}
        return SavedNetwork(self.network.spec, state, task, self.classes, self.restoration.arrays or {})

    def _checkpoint(self) -> bytes:
        arrays, numbers = self.solver.state()
        arrays |= {f"best.{name}": tensor.numpy() for name, tensor in self.best.items()}
        numbers["memory"] = vars(self.memory)
        numbers["threads"] = torch.get_num_threads()
        numbers["environment"] = _environment(self.device)
        numbers["data"] = self.data
        numbers["limits"] = self._limits()
        numbers["signal"] = self.last.signum
        numbers["best_step"] = _plain(self.best_kept)
        numbers["steps"] = [_plain(step) for step in self.steps if not step.signum]
        return checkpoint.to_bytes(arrays, numbers)

    def _restore(self, path: Path) -> bool:
        """Take up the checkpoint; whether the run had ended there. Raises DlcliError where its report is there, too."""
        arrays, numbers = checkpoint.load(path)
        try:
            if changed := difference(numbers["data"], self.data):
                raise DlcliError(
                    f"--resume {path}: its data are no longer those that it was trained on: {changed}",
                    "bring the old data back, or start a new training without --resume",
                )
            self.steps = [Step(**values) for values in numbers["steps"]]
            self.last = self.steps[-1]
            further = numbers["limits"] != self._limits() and self._has_room(
                numbers["step"], numbers["memory"]["seconds"]
            )
            ended = bool(self.last.status) and not numbers["signal"] and not further
            if ended and self.run.has(directory.REPORT):
                raise DlcliError(
                    f"--resume {path}: the run is finished ({self.last.reason})",
                    "give more --steps, --epochs or --minutes",
                )
            self.solver.restore(arrays, numbers)
            self.memory = LoopState(**(numbers["memory"] | {"resumed": True}))
            self.best = {n[5:]: torch.from_numpy(a.copy()) for n, a in arrays.items() if n.startswith("best.")}
            self.best_step = self.best_kept = Step(**numbers["best_step"])
            self.recorded = self.solver.step
            if not (ended or numbers["signal"]):  # the loop tells the solver of a report once this has been written
                self.solver.feedback(self.last.loss if self.last.val_loss is None else self.last.val_loss)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            text = " ".join(str(error).split())
            raise DlcliError(
                f"--resume {path}: its checkpoint doesn't fit its settings: {text}", "start a new training"
            ) from None
        if not self.config.threads and self.device == "cpu":
            torch.set_num_threads(int(numbers["threads"]))
        if numbers["environment"] != _environment(self.device):
            self.progress.warn(
                f"the checkpoint was made by {numbers['environment']}, this is {_environment(self.device)}: the run "
                "goes on, but its numbers may differ in the last digits"
            )
        return ended

    def _limits(self) -> list[float | None]:
        return [self.plan.steps, self.plan.seconds]

    def _has_room(self, step: int, seconds: float) -> bool:
        """Whether the limits allow for more than this."""
        limit, limit_of_time = self.plan.steps, self.plan.seconds
        return (limit is None or step < limit) and (limit_of_time is None or seconds < limit_of_time)


def _record(step: Step) -> dict[str, Any]:
    """A report as metrics.jsonl has it."""
    return {
        "step": step.step, "loss": step.loss, "val_loss": step.val_loss, **step.metrics, "lr": step.lr,
        "gradient_norm": step.gradient_norm, "seconds": step.seconds,
    }  # fmt: skip


def _plain(step: Step) -> dict[str, Any]:
    return vars(replace(step, parameters=None)) | {"metrics": dict(step.metrics)}


def _environment(device: str) -> str:
    capability = torch.backends.cpu.get_cpu_capability() if device == "cpu" else torch.cuda.get_device_name(device)
    return f"torch {torch.__version__}, {capability}"
