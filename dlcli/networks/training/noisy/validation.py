"""Measuring a network that restores where nobody has clean images: by an estimate, and by what it took away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dlcli.degradations.noise import with_level
from dlcli.engine.arrays import FloatArray
from dlcli.images.image_set import ImageSet
from dlcli.images.normalization import Normalization
from dlcli.networks.data.noise.set_noise import SetNoise
from dlcli.networks.data.split import spread
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.tensors import image_to_tensor, squeeze_gray, tensor_to_image
from dlcli.networks.training.batches import generator_for
from dlcli.networks.training.noisy.neighbors import chosen_neighbors, halves
from dlcli.networks.training.noisy.weighted import away_from_ends
from dlcli.networks.training.settings import ExecutionSettings
from dlcli.reports.train_deconv import Residual, ValidationSummary

SAMPLES = 4
NUDGE = 0.02  # of the noise: what the network's slope is measured by
LAGS = 3
WHITE, ALIKE = 0.06, 0.1  # autocorrelation, and relative difference of deviations, that count for none
LEAST_TOLD = 0.05  # of a crop's pixels, by which its error is estimated
STRIPED = 2.0  # times the deviation of the means of rows that chance makes


@dataclass(frozen=True)
class Sample:
    """A noisy crop (1, C, H, W), the same before anything was cut, the variance of its pixels, noise like its own, what
    is told of a look at it, and where an error can be told.
    """

    name: str
    noisy: Tensor
    whole: Tensor
    variance: Tensor
    probe: Tensor
    told: Callable[[Tensor], Tensor]
    weights: Tensor


class NoisyValidation:
    """Stein's unbiased risk estimate of the error on noisy crops, and the residual that a network takes away.

    Of noise n with the covariance S, y = x + n and a network f, the mean squared error of f(y) is on average that of
    f(y) to y, less the variance, plus twice the mean of S times the slope of f (Stein 1981); the slope comes from a
    second look at y + e m with m like n (Ramani, Blu & Unser 2008). In float32, as the nudge is small.
    """

    def __init__(
        self, network: DeconvNet, crops: ImageSet, noise: SetNoise, scale: Normalization, seed: int,
        execution: ExecutionSettings,
    ) -> None:  # fmt: skip
        self.network, self.scale, self.noise, self.execution = network.eval(), scale, noise, execution
        self.count, self.has_kept, self.is_news = len(crops), False, False
        self.samples = [_sample(crops, i, noise, scale, seed, execution.device) for i in range(len(crops))]
        self.told, self.halved = noise.method == "recorrupted", noise.method == "neighbor2neighbor"
        self.latest: list[Tensor] = []
        self.kept: list[Tensor] = []
        self.error = self.kept_error = 0.0

    def __call__(self, state: dict[str, Tensor], /) -> dict[str, float]:
        """loss (estimated mean squared error) and psnr (estimated) with the weights ``state``, and input_psnr."""
        self.network.load_state_dict(state)
        errors, made = [], []
        with torch.inference_mode():
            for sample in self.samples:
                y = sample.noisy
                output = self._restored(sample, y)
                errors.append(self._by_neighbors(sample) if self.halved else self._by_slope(sample, output))
                made.append(output)
        self.latest, self.error = made, float(np.mean(errors))
        before = [_mean(sample.variance, sample.weights) for sample in self.samples]
        return {"loss": self.error, "psnr": _psnr(errors), "input_psnr": _psnr(before)}

    def _restored(self, sample: Sample, y: Tensor) -> Tensor:
        made: Tensor = self.network(with_level(y, sample.told(y)) if self.told else y, y)
        return made

    def _by_slope(self, sample: Sample, output: Tensor) -> float:
        y = sample.whole
        nudged = y + NUDGE * sample.probe
        seen = nudged.clamp(*self.noise.ends) if self.noise.drawn_anew else nudged
        slope = (self._restored(sample, seen) - output) / NUDGE
        return _mean((output - y).square() - sample.variance + 2 * sample.probe * slope, sample.weights)

    def _by_neighbors(self, sample: Sample) -> float:
        """What one half of the pixels says of their neighbors, less the noise of those: noise may be of any kind."""
        height, width = (side // 2 * 2 for side in sample.noisy.shape[-2:])
        y = sample.noisy[..., :height, :width]
        first, second = halves(y, chosen_neighbors(y, generator_for(0, height * width, "cpu")))
        return float(((self._restored(sample, first) - second).square().double()).mean()) - float(
            sample.variance.double().mean()
        )

    def keep(self) -> None:
        """The latest measurement is that of the weights that are saved."""
        self.kept, self.kept_error, self.has_kept, self.is_news = self.latest, self.error, True, True

    def scope(self, _held: int, /) -> str:
        """How many crops, and by what."""
        by = "pixels that predict their neighbors" if self.halved else "Stein's estimate"
        return f" ({self.count} crops measured by {by}, as there are no clean images)"

    def residual(self) -> Residual:
        """What the saved weights take away from the crops, beside the noise that was to go."""
        rest = [sample.whole - output for sample, output in zip(self.samples, self.kept, strict=True)]
        shares = [one / sample.variance.sqrt() for one, sample in zip(rest, self.samples, strict=True)]
        unit = self.scale.noise(255.0)
        noise = float(np.mean([float(sample.variance.double().mean()) for sample in self.samples]))
        return Residual(
            mean=unit * float(np.mean([float(one.double().mean()) for one in rest])),
            sigma=unit * float(np.sqrt(np.mean([float(one.double().square().mean()) for one in rest]))),
            noise=unit * float(np.sqrt(noise)),
            expected=unit * float(np.sqrt(max(noise - self.kept_error, 0.0))),
            autocorrelation=np.mean([_autocorrelation(one) for one in shares], axis=0).tolist(),
            rows=float(np.mean([_stripes(one, -1) for one in shares])),
            columns=float(np.mean([_stripes(one, -2) for one in shares])),
        )

    def summary(self, selects: bool, lent: int, /) -> ValidationSummary:
        """That it is an estimate, and what was taken away."""
        found = self.residual() if self.has_kept else None
        return ValidationSummary(
            selects=selects, measured=self.count, lent_by_training_images=lent, estimated=True,
            residual=found, verdict=verdict(found, self.noise.correlation) if found else None,
        )  # fmt: skip

    def confusion(self) -> None:
        """There are no classes."""

    def mistakes_sheet(self) -> None:
        """Restored images are not right or wrong."""

    def shortcomings(self, _task: str, /) -> list[str]:
        """What the residual has that noise has not."""
        if not self.has_kept:
            return []
        found = self.residual()
        text = verdict(found, self.noise.correlation)
        return [] if text.startswith(GOOD) else [text]

    def sheet(self) -> bytes:
        """Noisy crop, output, and what was taken away, of some crops."""
        from dlcli.reports.charts.sheets import residual_sheet

        chosen = spread(len(self.samples), SAMPLES)
        rows, captions = [], []
        for i in chosen:
            sample, output = self.samples[i], self.kept[i]
            parts = (sample.noisy, output, sample.noisy - output + 0.5)
            noisy, restored, rest = (squeeze_gray(tensor_to_image(part, np.uint8)) for part in parts)
            rows.append((noisy, restored, rest))
            captions.append(sample.name)
        return residual_sheet(rows, captions)


GOOD = "the residual is"


def verdict(found: Residual, correlation: Sequence[float]) -> str:
    """In plain words, whether all that went was noise, and all noise went; ``correlation`` is that of the noise.

    What the best estimate leaves of the noise is a part of the image's own kind, and missing in the residual: its
    variance is that of the noise less the error, and neighbors correlate a little less than in the noise.
    """
    both = f"{found.sigma:.3g} where {found.expected:.3g} were expected of noise of {found.noise:.3g}"
    for name, ratio in (("row", found.rows), ("column", found.columns)):
        if ratio > STRIPED:
            return f"structure was removed: {name} stripes, {ratio:.1f} times as strong as chance makes them"
    wanted = np.array([*correlation, *[0.0] * LAGS][:LAGS])
    excess = np.array(found.autocorrelation) - wanted
    if excess.max() > WHITE:
        lag = int(excess.argmax())
        return (
            f"structure was removed: the residual's autocorrelation at lag {lag + 1} is "
            f"{found.autocorrelation[lag]:.2f}, that of the noise {wanted[lag]:.2f}"
        )
    if found.sigma > found.expected * (1 + ALIKE):
        return f"more than noise was removed: the residual has a deviation of {both}"
    if found.sigma < found.expected * (1 - ALIKE):
        return f"noise was left: the residual has a deviation of {both}; train longer"
    what = "correlated as the noise is" if correlation else "white"
    return f"{GOOD} {what}, with the deviation of the noise ({both}): nothing left to remove"


def _sample(
    crops: ImageSet, number: int, noise: SetNoise, scale: Normalization, seed: int, device: str
) -> Sample:  # fmt: skip
    y = image_to_tensor(crops.pixels(number), device, scale)
    variance = noise.variance(y, [number])
    generator = generator_for(seed, number, "cpu")
    probe = noise.draw(y, [number], generator)
    whole = noise.whole(y, [number], generator)
    level = noise.told(y, [number])  # one for all looks, where it isn't that of each pixel

    def told(image: Tensor) -> Tensor:
        return noise.told(image, [number]) if noise.by_pixel else level

    weights = torch.ones_like(y) if noise.drawn_anew else away_from_ends(y, noise.ends)
    weights = weights if weights.mean() >= LEAST_TOLD else torch.ones_like(y)
    return Sample(crops.names[number], y, whole, variance, probe, told, weights)


def _mean(values: Tensor, weights: Tensor) -> float:
    return float((values * weights).double().sum() / weights.double().sum())


def _psnr(errors: Sequence[float]) -> float:
    """That of the mean error: of a single crop the estimate may fall below what is possible."""
    return float(-10 * np.log10(max(float(np.mean(errors)), 1e-7)))


def _autocorrelation(rest: Tensor) -> FloatArray:
    """At lags 1 to 3 along rows and columns, on average."""
    x = rest.double() - rest.double().mean((2, 3), keepdim=True)
    power = x.square().mean()
    found = [
        float(((x[..., lag:, :] * x[..., :-lag, :]).mean() + (x[..., lag:] * x[..., :-lag]).mean()) / (2 * power))
        for lag in range(1, LAGS + 1)
    ]
    return np.array(found)


def _stripes(rest: Tensor, along: int) -> float:
    """The deviation of means along rows (-1) or columns (-2), in that of independent pixels; at least 1."""
    x = rest.double()
    means = x.mean(along)
    return max(1.0, float(means.std() * x.shape[along] ** 0.5 / x.std()))
