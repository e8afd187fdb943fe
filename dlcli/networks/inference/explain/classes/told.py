"""What is said of an explanation of classes, in sentences: verdicts, and what to beware of."""

import numpy as np

from dlcli.engine.arrays import AnyArray
from dlcli.networks.inference.explain.classes.integrated import TOLERANCE
from dlcli.networks.inference.explain.classes.maps import Maps
from dlcli.networks.inference.explain.classes.selection import Decisions
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.reports.explain.classes import Baseline
from dlcli.text import counted, printable

LOGIT = "the score before softmax"
LOG = "the logarithm of the probability, which is the mean of those of the image and its mirror image"
COARSE = 4  # places on a side of a Grad-CAM map, below which it is hardly one
NEUTRAL = 0.9  # a baseline that is taken for a class with this probability or more is no image of nothing


def findings(trained: TrainedNetwork, decisions: Decisions, maps: Maps, baseline: Baseline | None) -> list[str]:
    """The sentences, of what was asked for."""
    found = [_of_decisions(decisions, trained.classes)]
    if baseline is not None and maps.integrated is not None:
        gaps, steps = maps.integrated.gaps.cpu().numpy(), maps.integrated.steps.cpu().numpy()
        found += _of_integrated(gaps, steps, baseline)
    if maps.grad_cam is not None and maps.grad_cam.shape[1] < COARSE:
        side = maps.grad_cam.shape[1]
        found.append(f"the last convolution has {side} x {side} places, so Grad-CAM tells little of where")
    if maps.grad_cam is not None and (empty := int((maps.grad_cam.amax((1, 2)) <= 0).sum())):
        found.append(f"in {empty} of {counted(len(maps.grad_cam), 'Grad-CAM map')} nothing speaks for the class")
    activation = trained.network.spec.activation
    if maps.deconvnet is not None and activation != "relu":
        found.append(
            f"the deconvnet rectifies on its way back, as if the activations were ReLU, and they are {activation}: it "
            "leaves out what the negative ones say"
        )
    return found


def _of_decisions(decisions: Decisions, classes: tuple[str, ...]) -> str:
    total = counted(len(decisions.logs), "image")
    if decisions.labels is None:
        return f"whether the network is right is not known of {total}"
    wrong = decisions.mistakes()
    if not wrong:
        return f"no mistake in {total}"
    surest = wrong[0]
    sure = float(np.exp(decisions.logs[surest].max()))
    name, truth = (printable(classes[int(codes[surest])]) for codes in (decisions.found, decisions.labels))
    return (
        f"{len(wrong):,} of {total} ({len(wrong) / len(decisions.logs):.2%}) are taken for another class; the surest "
        f"mistake is {truth} taken for {name}, with a probability of {sure:.1%}"
    )


def _of_integrated(gaps: AnyArray, steps: AnyArray, baseline: Baseline) -> list[str]:
    open_ones = int((gaps > TOLERANCE).sum())
    taken = f"{steps.min()}" if steps.min() == steps.max() else f"{steps.min()} to {steps.max()}"
    said = f"integrated gradients add up within {gaps.max():.2%} of the difference of the scores ({taken} steps)"
    if open_ones:
        said = (
            f"{open_ones} of {len(gaps)} maps of integrated gradients miss the difference of the scores by more than "
            f"{TOLERANCE:.0%} ({gaps.max():.1%} at most), even with {steps.max():,} steps: their scores hardly differ"
        )
    found = [said]
    name, share = printable(baseline.prediction), baseline.probability
    sure = f"the network takes the {baseline.name} baseline for {name} ({share:.0%})"
    if baseline.probability >= NEUTRAL:
        sure += ", so maps tell an image from that class rather than from nothing: try another --baseline"
    found.append(sure)
    return found
