"""A trained network taken from its run directory, ready to restore or classify."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from dlcli.config.images.options import Task
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.base import Degradation, Observation
from dlcli.degradations.kernels import MAX_SIDE
from dlcli.degradations.other_blur import other_blur
from dlcli.degradations.task import Restoration
from dlcli.engine.arrays import AnyArray, AnyDtype
from dlcli.engine.device import pick_network_device
from dlcli.engine.precision import bfloat16_is_fast
from dlcli.errors import DlcliError
from dlcli.images.image_set import open_image_set
from dlcli.images.normalization import EIGHT_BITS, Scales
from dlcli.networks.inference.settings import NetworkSettings
from dlcli.networks.inference.tiling import Tiles, auto_tiles, restore
from dlcli.networks.lanes import lanes_for
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.receptive_field import receptive_radius
from dlcli.networks.model.saved import SavedNetwork
from dlcli.runs import directory
from dlcli.runs.bundled import folders, is_bundled
from dlcli.runs.open import run_folder

ADDS_LITTLE = ("denoise", "dejpeg")  # tasks whose networks change images by some levels
AGAIN = "train it again"


@dataclass(frozen=True)
class TrainedNetwork:
    """A network on its device, with what it was trained to undo, and how images are normalized for it."""

    folder: Path
    network: DeconvNet
    restoration: Restoration
    degradation: Degradation
    classes: tuple[str, ...]
    device: str
    tile: int | None
    scales: Scales = EIGHT_BITS
    beside: int = 1  # how many images are restored at the same time, each by a lane
    half: bool = False  # in bfloat16, for large images of 8 bits (``quickly``)

    @property
    def task(self) -> str:
        """The task that it was trained for."""
        return self.restoration.task

    @property
    def told(self) -> bool:
        """Whether it is told how much noise an image has."""
        return self.network.spec.head.noise_map > 0

    @property
    def channels(self) -> int:
        """1 for a network of gray images, 3 for color, or any other number."""
        spec = self.network.spec
        return spec.input_channels if self.classes else spec.output_channels

    def restored(self, observation: Observation, rows: slice | None = None) -> Tensor:
        """The network's images (B, C, H, W), or some ``rows`` of them, whole or in tiles, not clamped."""
        spec = self.network.spec
        lanes = 1 if self.beside > 1 else lanes_for(None, self.device)
        if self.tile:
            tiles = Tiles(self.tile, receptive_radius(spec), lanes)
        else:
            tiles = auto_tiles(spec, self.device, lanes, self.beside, half=self.half)
        return restore(self.network, observation, tiles, rows, half=self.half)

    def quickly(self, dtype: AnyDtype) -> "TrainedNetwork":
        """For a large image of this type: in bfloat16, where a processor is faster so and the result is of 8 bits.

        A tenth of the pixels then differ by a level, and the restored images have 0.003 to 0.012 dB less.
        """
        eight_bit = dtype == np.uint8 and np.dtype(self.scales.targets.dtype) == np.uint8
        return replace(self, half=eight_bit and self.task in ADDS_LITTLE and _is_fast(self.device))

    def training_config(self) -> TrainDeconvConfig:
        """The settings of the run. Raises DlcliError where they are gone."""
        path = self.folder / directory.CONFIG
        if not path.is_file():
            raise DlcliError(f"{path} no longer exists, so what the run was trained on is not known", "give DATA")
        return TrainDeconvConfig.build({}, path)


def load_network(settings: NetworkSettings) -> TrainedNetwork:
    """The network of a run. Raises DlcliError for one that is damaged or asks for what can't be.

    Sets the number of torch's threads where ``settings`` give one.
    """
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    folder = run_folder(settings.run)
    path = folder / directory.MODEL
    saved = SavedNetwork.load(path)
    restoration = Restoration.of_saved(saved.task, saved.arrays)
    degradation = _checked(saved, restoration, path)
    if settings.blur is not None:
        degradation = other_blur(settings.blur, restoration, degradation)
    if settings.kernel is not None and settings.kernel >= (count := len(degradation.kernels)):
        blind = f"was trained on {restoration.blur}, and takes no kernel"
        have = f"has {count} blur kernels, numbered from 0" if count else f"was trained to {restoration.task}"
        have = blind if restoration.blurs else have
        raise DlcliError(f"--kernel {settings.kernel}: the network {have}", "give another, or leave it out")
    device = pick_network_device(settings.device)
    return TrainedNetwork(
        folder, saved.network().to(device), restoration, degradation, saved.classes, device, settings.tile,
        saved.scales,
    )  # fmt: skip


def other_networks(settings: NetworkSettings) -> dict[int, TrainedNetwork]:
    """By their channels the networks that bundled:NAME stands for; none where it is one."""
    if not is_bundled(settings.run) or len(found := folders(settings.run)) < 2:
        return {}
    networks = [load_network(replace(settings, run=folder)) for folder in found]
    return {network.channels: network for network in networks}


def load_for(settings: NetworkSettings, data: tuple[str, ...]) -> TrainedNetwork:
    """``load_network``; of those that bundled:NAME stands for, that for the images in ``data``. Raises DlcliError."""
    others = other_networks(settings)
    if not others:
        return load_network(settings)
    if not data:
        raise DlcliError(f"{settings.run} holds no images that it wasn't trained on", "give DATA, clean images")
    channels = open_image_set(data, axes=settings.axes).channels
    return others.get(channels, others[1])


@contextmanager
def exactly() -> Iterator[None]:
    """Float32 throughout, and the same bits each time: no autocast, no TF32, no choice of algorithms by timing."""
    flags = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with flags, torch.inference_mode():
        yield


def _checked(saved: SavedNetwork, restoration: Restoration, path: Path) -> Degradation:
    """The degradation of a saved task, if its arrays and the network's channels fit it."""
    damaged = DlcliError(f"{path} is damaged: its task {restoration.task!r} doesn't fit its network", AGAIN)
    spec = saved.spec
    if restoration.task not in get_args(Task) or not all(map(_is_plane, saved.arrays.values())):
        raise damaged
    if restoration.task == "deblur" and not all(map(_is_kernel, saved.arrays.values())):
        raise damaged
    try:
        degradation = restoration.degradation()
    except (KeyError, ValueError, IndexError, TypeError):
        raise damaged from None
    except DlcliError as error:
        raise DlcliError(f"{path} is damaged: {error.message}", AGAIN) from None
    classes = restoration.task == "classify"
    channels = spec.input_channels if classes else spec.output_channels
    inputs = channels if classes else degradation.input_channels(channels)
    ranges = {len(one.low) for one in (saved.scales.inputs, saved.scales.targets)}
    if not ranges <= {1, channels} or spec.input_channels != inputs or classes != bool(spec.head.classes):
        raise damaged
    return degradation


def _is_fast(device: str) -> bool:
    """Whether a processor is faster in bfloat16; other devices are fast in float32."""
    return device == "cpu" and bfloat16_is_fast(device)


def _is_plane(array: AnyArray) -> bool:
    return array.ndim == 2 and array.size > 0


def _is_kernel(array: AnyArray) -> bool:
    odd = all(side % 2 and side <= MAX_SIDE for side in array.shape)
    return odd and float(array.min()) >= 0 and float(array.sum()) > 0
