"""How a network learns from noisy images alone: by which batches and loss, and why."""

from dataclasses import replace

from dlcli.config.images.options import Method
from dlcli.images.crops import CropSampler
from dlcli.images.normalization import Normalization
from dlcli.networks.data.batch import Batch, Batches
from dlcli.networks.data.noise.set_noise import SetNoise
from dlcli.networks.losses.base import Loss
from dlcli.networks.training.noisy.blind_spot import BlindSpotBatches
from dlcli.networks.training.noisy.neighbors import NeighborBatches, NeighborLoss
from dlcli.networks.training.noisy.recorrupted import RecorruptedBatches
from dlcli.networks.training.noisy.weighted import WeightedSquares, values_of

NAMES = {"recorrupted": "recorrupted pairs", "neighbor2neighbor": "Neighbor2Neighbor", "blind-spot": "blind spots"}
FLAT, PEAKED = -0.4, 0.8  # excess kurtosis between which noise counts as normal, of many photons


def with_method(noise: SetNoise, asked: Method, *, given: bool) -> SetNoise:
    """The noise with the method that fits it, or is ``asked`` for, and why; ``given``: it was not measured."""
    method, why = (asked, "") if asked != "auto" else fitting(noise, given=given)
    line = f"learns by {NAMES[method]}" + (f", as {why}; --method takes another way" if why else "")
    return replace(noise, method=method, note="; ".join(filter(None, [noise.note, line])))


def fitting(noise: SetNoise, *, given: bool) -> tuple[Method, str]:
    """The method that does best, and why."""
    if given:
        return "recorrupted", "the noise is known"
    if noise.correlation:
        return "recorrupted", "neighbors share noise as was measured, and more can be drawn so"
    if not FLAT < noise.kurtosis < PEAKED + noise.usual_kurtosis:
        what = "less" if noise.kurtosis < 0 else "more"
        return "neighbor2neighbor", (
            f"the noise is independent from pixel to pixel, but {what} peaked than noise of photons and sensors "
            f"(excess kurtosis {noise.kurtosis:.2g})"
        )
    kind = "of few photons" if noise.few_photons else "growing with brightness" if noise.gain.max() > 0 else "Gaussian"
    return "recorrupted", f"the noise is white and {kind}"


def batches_and_loss(
    noise: SetNoise, sampler: CropSampler, device: str, seed: int, scale: Normalization
) -> tuple[Batches, Loss]:
    """What a network is trained on, and what it minimizes."""
    if noise.method == "neighbor2neighbor":
        return NeighborBatches(sampler, device, seed, scale), NeighborLoss()
    if noise.method == "blind-spot":
        return BlindSpotBatches(sampler, noise.extent, device, seed, scale), WeightedSquares()
    return RecorruptedBatches(sampler, noise, device, seed, scale), WeightedSquares()


def unweighted(batches: Batches) -> Batches:
    """The batches without the weights of their targets."""

    def plain(step: int, size: int) -> Batch:
        batch = batches(step, size)
        return replace(batch, target=values_of(batch.target))

    return plain
