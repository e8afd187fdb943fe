"""The picture of a training over clients beside one on all images."""

from collections.abc import Sequence

from dlcli.config.common import PlotFormat
from dlcli.engine.loop import Step
from dlcli.networks.metrics import CLASS_METRICS, IMAGE_METRICS
from dlcli.runs import directory

CHART = "federated"
GLOBAL, POOLED = "over clients", "on all images"


def draw_rounds(
    run: directory.RunDirectory, format: PlotFormat, steps: Sequence[Step], pooled: Sequence[Step], title: str
) -> None:
    """plots/federated.png: what validation found of the server's network, and of one trained on all images.

    Against the step, of a client as of the other; nothing where nothing is held out or nothing was compared.
    """
    watched = {
        name: [step for step in group if step.val_loss is not None]
        for name, group in ((GLOBAL, steps), (POOLED, pooled))
    }
    if format == "none" or not all(watched.values()):
        return
    from dlcli.reports.charts.line import Curve, Panel, loss_chart

    losses = [Curve(name, [s.step for s in group], [s.watched for s in group]) for name, group in watched.items()]
    panels = [Panel("validation loss", losses)]
    for metric in (*IMAGE_METRICS, *CLASS_METRICS):
        known = {name: [s for s in group if metric.name in s.metrics] for name, group in watched.items()}
        if metric.axis and all(known.values()):
            curves = [
                Curve(name, [s.step for s in group], [s.metrics[metric.name] for s in group])
                for name, group in known.items()
            ]
            panels.append(Panel(metric.axis, curves))
    chart = loss_chart(panels, title=f"{title}: over clients and on all images", format=format)
    run.write_chart(CHART, format, chart.to_bytes())
