"""The figures of what becomes of noise, over several images."""

import math
from collections.abc import Sequence

from dlcli.networks.inference.explain.restoration.measures import psnr_of, true_mse
from dlcli.networks.inference.explain.restoration.noise_gain import Estimate, Gain, sure
from dlcli.networks.inference.explain.restoration.subjects import Subject
from dlcli.reports.explain.restoration import NoiseGain

DB = 10 / math.log(10)  # of a relative error of 1, to first order


def noise_figures(gains: Sequence[tuple[Subject, Gain]]) -> NoiseGain:
    """The means over images, each by its values."""
    weights = [gain.values for _, gain in gains]
    total = sum(weights)
    shares = [weight / total for weight in weights]
    figures = NoiseGain(
        power=sum(share * gain.power for share, (_, gain) in zip(shares, gains, strict=True)),
        images=len(gains),
        pixels=sum(gain.restored[0, 0].numel() for _, gain in gains),
    )
    found: dict[str, float | None] = {}
    sigmas = {subject.level for subject, _ in gains}
    if len(sigmas) == 1:
        found["sigma"] = sigmas.pop()
    if all(gain.diagonal is not None for _, gain in gains):
        mean = Estimate.over([gain.divergence for _, gain in gains], weights)
        found |= {"diagonal": mean.value, "diagonal_error": mean.error}
        if all(subject.variance is not None for subject, _ in gains):
            each = [sure(gain, subject.variance or 0.0) for subject, gain in gains]
            found |= _stein(Estimate.over(each, weights))
    errors = [true_mse(subject, gain.restored) for subject, gain in gains]
    known = [error for error in errors if error is not None]
    if len(known) == len(errors):
        found["psnr"] = psnr_of(sum(share * error for share, error in zip(shares, known, strict=True)))
    return figures.model_copy(update=found)


def _stein(estimate: Estimate) -> dict[str, float | None]:
    """Its error in dB is nan where the estimate is no more than that error."""
    error = DB * estimate.error / estimate.value if estimate.value > 0 else math.nan
    return {"sure_mse": estimate.value * 255**2, "sure_psnr": psnr_of(estimate.value), "sure_error": error}
