"""The charts and sheets of a network's training, kept fresh while it runs."""

import threading
import time
from collections.abc import Sequence

import numpy as np

from dlcli.config.common import PlotFormat
from dlcli.engine.loop import Step
from dlcli.networks.metrics import CLASS_METRICS, IMAGE_METRICS
from dlcli.networks.training.problem import Problem
from dlcli.reports.charts import preload
from dlcli.runs import directory
from dlcli.text import counted

SHARE = 0.01  # of the time of a training, at most, for charts before its end
LOSSES = {"mse": "mean squared error", "l1": "mean absolute error"}


class Figures:
    """Draws into a run directory: the loss curve now and then, a sheet whenever other weights were saved."""

    def __init__(
        self, run: directory.RunDirectory, format: PlotFormat, problem: Problem, *, title: str, loss: str
    ) -> None:
        self.run, self.format, self.problem, self.title, self.loss = run, format, problem, title, loss
        self._loading: threading.Thread | None = None
        self._begun = time.monotonic()
        self._spent = 0.0

    def prepare(self) -> None:
        """Have matplotlib imported while the network trains."""
        if self.format != "none":
            self._loading = preload()

    def refresh(self, steps: Sequence[Step], best: Step) -> None:
        """After a report: the sheet, where it is news, and the chart, where that costs next to nothing."""
        self.draw_sheets()
        ready = self._loading is not None and not self._loading.is_alive()
        begun = time.monotonic()
        if ready and self._spent <= SHARE * (begun - self._begun):
            self.draw_chart(steps, best)
            self._spent += time.monotonic() - begun

    def draw(self, steps: Sequence[Step], best: Step) -> None:
        """All of them as they are in the end."""
        self.draw_sheets()
        self.draw_chart(steps, best)

    def draw_chart(self, steps: Sequence[Step], best: Step) -> None:
        """The loss curve, with what else was measured below it."""
        if self.format == "none" or not steps:
            return
        from dlcli.reports.charts.line import Curve, Panel, loss_chart

        numbers = [step.step for step in steps]
        curves = [Curve("training", numbers, [step.loss for step in steps])]
        watched = [step for step in steps if step.val_loss is not None]
        if watched:
            losses = [float("nan") if step.val_loss is None else step.val_loss for step in watched]
            curves.append(Curve("validation", [step.step for step in watched], losses))
        panels = [Panel(f"loss ({LOSSES.get(self.loss, self.loss)})", curves)]
        for metric in (*IMAGE_METRICS, *CLASS_METRICS):
            name = metric.name
            known = [step for step in watched if name in step.metrics]
            if metric.axis and known:
                curve = Curve("validation", [s.step for s in known], [s.metrics[name] for s in known])
                before = known[-1].metrics.get(f"input_{name}")
                panels.append(Panel(metric.axis, [curve], None if before is None else ("degraded input", before)))
        diverged = steps[-1].status == "diverged" and not np.isfinite(best.loss)
        title = self.title + (
            f": {steps[-1].status} after {counted(steps[-1].step, 'step')}" if steps[-1].status else ""
        )
        self._draw_confusion()
        chart = loss_chart(panels, title=title, saved=None if diverged else best.step, format=self.format)
        self.run.write_chart("loss", self.format, chart.to_bytes())

    def _draw_confusion(self) -> None:
        """Which classes the saved weights take for one another."""
        validate = self.problem.validate
        found = validate.confusion() if validate is not None and validate.has_kept else None
        if self.format == "none" or found is None:
            return
        from dlcli.reports.charts.confusion import confusion_chart

        chart = confusion_chart(found.counts, found.classes, format=self.format)
        self.run.write_chart("confusion", self.format, chart.to_bytes())

    def draw_sheets(self) -> None:
        """What the saved weights make of images of the validation, if they are news."""
        validate = self.problem.validate
        if self.format == "none" or validate is None or not validate.has_kept or not validate.is_news:
            return
        validate.is_news = False
        self.run.write(f"{directory.PLOTS}/samples.png", validate.sheet())
        name, mistakes = f"{directory.PLOTS}/mistakes.png", validate.mistakes_sheet()
        if mistakes is not None:
            self.run.write(name, mistakes)
        else:
            self.run.remove(name)
