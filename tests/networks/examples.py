"""Run directories of tiny networks, made without training, and images to try them on."""

import numpy as np
import torch
from PIL import Image
from skimage import metrics

from dlcli.config.evaluate import EvalConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.kernels import gaussian_kernel, motion_kernel
from dlcli.degradations.task import Restoration
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.saved import SavedNetwork
from dlcli.networks.model.spec import DeconvSpec, Head
from dlcli.networks.training.batches import generator_for
from dlcli.tasks.evaluate import evaluate

KERNELS = {
    "kernel.0": gaussian_kernel(1.0).astype(np.float32),
    "kernel.1": motion_kernel(9.0, 30.0).astype(np.float32),
}


def make_run(folder, task="denoise", channels=1, identity=False, classes=(), side=0, filters=(4, 4), **restoration):
    """Write a run whose network has random weights, or, with ``identity``, gives back its observation's base."""
    settings = Restoration(task, **({"sigma": (25.0, 25.0)} if task == "denoise" else {}) | restoration)
    inputs = channels if classes else settings.degradation().input_channels(channels)
    spec = DeconvSpec(
        inputs, channels, filters, (1,) * len(filters), unshuffle=1 if classes else 2, skip=not classes,
        head=Head(decoder=not classes, classes=len(classes), side=side, noise_map=settings.noise_map * 1.0),
    )  # fmt: skip
    torch.manual_seed(0)
    network = DeconvNet(spec)
    if not identity and not classes:
        torch.nn.init.normal_(network.deconvolutions[0].weight, std=0.05)
    save_run(folder, network, settings, classes)
    return folder


def save_run(folder, network, settings, classes=(), data=()):
    saved = SavedNetwork(
        network.spec, network.state_dict(), settings.to_json() | {"channels": network.spec.output_channels},
        tuple(classes), settings.arrays or {},
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(saved.to_bytes())
    kind = settings.task if settings.task != "pairs" or len(data) == 2 else "denoise"
    if kind != "classify" or data:
        (folder / "config.toml").write_text(TrainDeconvConfig(task=kind, data=tuple(map(str, data))).to_toml(folder))


def network_of(run):
    """The network of a run, whose observations it gets straight."""
    return SavedNetwork.load(run / "model.safetensors").network()


def smooth(height, width, channels=1, seed=0):
    """An image of blobs, (H, W) or (H, W, 3)."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    image = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    return image[:, :, 0] if channels == 1 else image


def save(path, values, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **options)
    return path


def folder_of(path, sizes=((30, 40), (33, 21), (24, 24)), channels=1):
    """A folder of PNG images of these heights and widths."""
    for number, size in enumerate(sizes):
        save(path / f"{number}.png", smooth(*size, channels, number))
    return path


class Recorder:
    """A Progress that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)

    def reached(self, text):
        pass

    warn = note


def measured(run, *data, **options):
    return evaluate(EvalConfig(run=run, data=tuple(map(str, data)), **options))


def reference(output, target):
    """PSNR and SSIM by scikit-image, of uint8 arrays (H, W) or (H, W, C)."""
    axis = None if target.ndim == 2 else 2
    similarity = metrics.structural_similarity(
        target, output, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=axis
    )
    return metrics.peak_signal_noise_ratio(target, output, data_range=255), similarity


def as_bytes(values):
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def tensor(pixels):
    pixels = pixels if pixels.ndim == 3 else pixels[:, :, None]
    return torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32)) / 255


def noisy(pixels, index, sigma=25, seed=0):
    """As the protocol says: drawn for each image from a seed of its own, and not clipped."""
    clean = tensor(pixels)
    return clean + sigma / 255 * torch.randn(clean.shape, generator=generator_for(seed, index, "cpu"))


def squeezed(image):
    return as_bytes(image[0].permute(1, 2, 0).numpy().squeeze())
