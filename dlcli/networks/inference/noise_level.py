"""How much noise predict takes an image to have: as --sigma says, or as the image shows; and how much of it goes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from dlcli.config.values.noise import Amount
from dlcli.config.values.noise_kind import CAMERA
from dlcli.degradations.lines import LineNoise, of_level
from dlcli.degradations.task import BOTH, MEASURED
from dlcli.errors import DlcliError
from dlcli.images.noise.measure import NoiseMeasure, measured_noise, noise_level
from dlcli.images.normalization import Normalization
from dlcli.networks.data.noise.measured import line_level, line_of
from dlcli.networks.inference.settings import Strength
from dlcli.networks.inference.shared_noise.passes import Pass, Passes
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.noise import noise_on
from dlcli.networks.tensors import Image
from dlcli.text import counted

LEAST = 0.5  # of 255 levels: less can't be told from the rounding of 8 bits, whose deviation is 0.29
# Of a network that isn't told: noise this many times weaker or stronger than what it was trained on is said.
FAR = 1.6
SHARED = (CAMERA, MEASURED)  # kinds of noise to learn that neighbors may share
MOST_TOLD = 1.5  # times the deviation; 12 crops of PolyU: 37.33 dB with 1, 37.59 with this, 37.65 without a bound
STRIDE = 2  # of the phases in which shared noise is nearer to white
NEAR = 1.3  # the level of one image may be so many times that of all of its kind by chance, or the other way


def check_strength(strength: Strength, trained: TrainedNetwork) -> None:
    """Raises DlcliError for a level of noise for a network that isn't told it."""
    if strength.sigma is not None and not trained.told:
        raise DlcliError(
            f"--sigma is for networks that are told how much noise there is, and this one was trained to "
            f"{trained.task} without --noise-map",
            "leave it out, or take bundled:denoise; --strength makes any network do less",
        )


@dataclass
class Levels:
    """The levels of noise of the images so far, in their units.

    ``left`` images were left as they are, ``over`` have more noise than the network is good for; ``weaker`` and
    ``stronger`` have far less or more than it was trained on, and it isn't told. Of those in ``shared`` neighbors share
    the noise: so many times its level is the network told. In ``growing`` it grows with brightness.
    """

    found: list[float] = field(default_factory=list)
    left: int = 0
    over: int = 0
    weaker: int = 0
    stronger: int = 0
    shared: list[float] = field(default_factory=list)
    growing: int = 0

    def take(self, others: "Levels") -> None:
        """Count ``others`` as well."""
        self.found += others.found
        self.shared += others.shared
        for name in ("left", "over", "weaker", "stronger", "growing"):
            setattr(self, name, getattr(self, name) + getattr(others, name))

    def notes(self, trained: TrainedNetwork) -> list[str]:
        """How much noise there was taken to be, where the network is told."""
        if not (trained.told and self.found):
            return []
        grows = ""
        if self.growing:
            whose = "" if self.growing == len(self.found) else f" in {counted(self.growing, 'image')}"
            grows = f", growing with brightness{whose}: the network is told that of each pixel"
        return [f"noise as measured: sigma {_spread(self.found)}{grows}; --sigma and --strength change it"]

    def lines(self) -> list[str]:
        """What may be another way than a user takes it to be."""
        lines = []
        if self.shared:
            lines.append(
                f"{counted(len(self.shared), 'image')} with noise that neighbors share, as of a camera's JPEG: taken "
                f"for {_spread(self.shared)} times as much, and away from every other pixel by itself as well"
            )
        if self.left:
            lines.append(
                f"{counted(self.left, 'image')} left as {'it is' if self.left == 1 else 'they are'}: no noise "
                "that can be told from their rounding"
            )
        if self.over:
            lines.append(f"{counted(self.over, 'image')} with more noise than the network was trained on: some remains")
        for count, than in ((self.weaker, "less"), (self.stronger, "more")):
            if count:
                cost = "detail goes with the noise" if than == "less" else "some of it remains"
                lines.append(
                    f"{counted(count, 'image')} with far {than} noise (sigma {_spread(self.found)}) than the network "
                    f"was trained on: {cost}; bundled:denoise takes each as it is"
                )
        return lines


def denoiser_for(
    trained: TrainedNetwork, strength: Strength, pixels: Image, scale: Normalization, seen: Levels
) -> Passes | None:
    """What the network undoes in this image (H, W, C), whose values have this ``scale``; None: it is left as it is."""
    degradation = trained.degradation
    if trained.task != "denoise" or (trained.restoration.poisson is not None and not trained.told):
        return Passes.of(degradation)
    kind = trained.restoration.noise
    thoroughly = strength.sigma is None and (trained.told or kind in SHARED)
    measured = measured_noise(pixels) if thoroughly else None
    level = _level(strength, pixels, scale, seen, measured)
    low, high = trained.restoration.told_range
    if not trained.told:
        if level is not None and strength.sigma is None:
            seen.weaker += level < low / FAR
            seen.stronger += level > high * FAR
        return Passes.of(degradation)
    if level is None or level < LEAST:
        seen.left += 1
        return None
    seen.over += level > high
    shares = len(trained.restoration.line) > 2  # it was trained on noise that neighbors share
    if not shares and (usual := _as_trained(trained, strength, pixels, scale, measured)) is not None:
        lines, seen.found[-1] = usual
        seen.growing += bool(lines.gain.any())
        return Passes.of(lines)
    if not shares and measured is not None and measured.kind == "poisson-gaussian" and kind != CAMERA:
        seen.growing += 1
        lines = lines_of(measured, scale, trained.channels, strength.factor)
        return Passes.of(replace(lines, within=(low / 255, high / 255)))

    def told(share: float, stride: int = 1) -> Pass:
        sigma = min(max(level * share * strength.factor, low), high)
        if kind in (BOTH, MEASURED):
            return Pass(of_level(sigma / 255), stride)
        return Pass(degradation.at_sigma(sigma, trained.restoration.weights) or degradation, stride)

    lags = [] if kind in SHARED or shares else _correlation(measured)  # what it learned needs no other telling
    if not lags:
        return Passes((told(1.0),))
    seen.shared.append(told_of(lags))
    return Passes((told(told_of(lags)), told(told_of(lags[STRIDE - 1 :: STRIDE]), STRIDE)))


def lines_of(found: NoiseMeasure, scale: Normalization, channels: int, factor: float = 1.0) -> LineNoise:
    """What a network of so many channels is told of noise that grows with brightness, whose deviation counts so often.

    A network of one channel sees each channel of an image as an image, which has a line of its own.
    """
    count = len(found.channels)
    lows, spans = (part if len(part) == count else part[:1] * count for part in (scale.low, scale.spans))
    lines = np.array([line_of(*of) for of in zip(found.channels, lows, spans, strict=True)]) * factor**2
    gain, intercept = lines.T.reshape(2, -1, 1) if channels == 1 else lines.T.reshape(2, 1, -1)
    return LineNoise(gain, intercept, told=True)


def told_of(lags: Sequence[float]) -> float:
    """How many times the deviation of noise with this autocorrelation (from lag 1 on) white noise must have.

    The network's noise has as much at all frequencies, this one more at low ones: along each axis up to 1 plus twice
    the sum of ``lags``. The root of that is between what all frequencies have and what the lowest ones have. At most
    MOST_TOLD: more gains little on cameras' noise, and texture that was taken for it is lost.

    >>> told_of([]), told_of([0.3, 0.1]), told_of([0.6, 0.27, 0.17])
    (1.0, 1.3416407864998738, 1.5)
    """
    return min(math.sqrt(1 + 2 * sum(max(lag, 0.0) for lag in lags)), MOST_TOLD)


def _correlation(measured: NoiseMeasure | None) -> Sequence[float]:
    """That of neighbors, from lag 1 on; none of white noise."""
    if measured is None or measured.white:
        return ()
    seen = [channel.autocorrelation for channel in measured.channels if channel.autocorrelation]
    return [float(lag) for lag in np.mean(seen, axis=0)] if seen else ()


def _level(
    strength: Strength, pixels: Image, scale: Normalization, seen: Levels, measured: NoiseMeasure | None
) -> float | None:
    """On the scale 0 to 255; None where there is nothing to measure. ``measured`` None: quickly."""
    if strength.sigma is not None:
        return noise_on(strength.sigma, scale, "--sigma")
    if measured is None:
        found = noise_level(pixels)
    else:
        found = measured.sigma if measured.kind != "none" else None
    if found is None:
        return None
    seen.found.append(found)
    return min(Amount(found).of_255(None if scale.eight_bit else scale.span), 255.0)


def _as_trained(
    trained: TrainedNetwork, strength: Strength, pixels: Image, scale: Normalization, measured: NoiseMeasure | None
) -> tuple[LineNoise, float] | None:
    """The line of the noisy images that it was trained on, and the deviation that it says of these pixels.

    It was measured on many images, and says more than one; None where this one says otherwise.
    """
    line, count, channels = trained.restoration.line[:2], trained.channels, pixels.shape[2]
    found = measured.sigma if measured is not None and measured.kind != "none" else None
    if found is None or not line or scale != trained.scales.inputs or count != channels or not trained.told:
        return None
    gain, intercept = (np.array(part) for part in line)
    usual = scale.noise(255 * line_level(gain, intercept, pixels, scale))
    if not found / NEAR < usual < found * NEAR:
        return None
    low, high = trained.restoration.told_range
    factor = strength.factor**2
    lines = LineNoise(gain[None] * factor, intercept[None] * factor, told=True, within=(low / 255, high / 255))
    return lines, usual


def _spread(found: Sequence[float]) -> str:
    low, middle, high = (f"{value:.3g}" for value in np.quantile(found, (0, 0.5, 1)))
    return low if low == high else f"{low} to {high}, median {middle}"
