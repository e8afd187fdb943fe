"""What each ``--arch`` means: a network's shape and how it is trained, as the task changes them."""

from dataclasses import dataclass, field, replace
from typing import Literal

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.errors import DlcliError
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.model.spec import DeconvSpec, Head, Output

LINEAR, MOST_CHANNELS = 3, 8  # side of the linear estimate's kernels, in cells; channels in which it is made


@dataclass(frozen=True)
class Recipe:
    """How a preset is trained; ``lr`` None is the optimizer's usual rate, ``epochs`` None the default minutes."""

    optimizer: str
    lr: float | None = None
    loss: str = "mse"
    batch_size: int = 16
    epochs: float | None = None
    schedule: str = "polynomial"
    crop: int = 64
    ema: float = 0.0


@dataclass(frozen=True)
class Preset:
    """The shape of a network, and its recipe; the options of the same names change them.

    ``output`` None is a residual for restoration, else the image itself. Of classifiers, ``pool``: the means of the
    features are classified; ``turned``: residual blocks are of a convolution and a deconvolution; ``whitens``: the
    first convolution begins with the principal directions of the images.
    """

    filters: str
    stride: str = "1"
    depth: int = 0
    unshuffle: int = 1
    skip: bool = False
    dropout: float = 0.0
    output: Output | None = None
    turned: bool = False
    pool: bool = False
    whitens: bool = False
    recipe: Recipe = field(default=Recipe("adam"))


# Half resolution by pixel-unshuffle; residual blocks between one convolution and one deconvolution.
FAST = Preset("64", depth=4, unshuffle=2, recipe=Recipe("muon", crop=96, batch_size=8))
PRESETS = {
    "fast": FAST,
    # The article's listing: conv 32, conv 64, deconv 32, deconv 3 with a sigmoid.
    "article": Preset(
        "32,64", output="sigmoid",
        recipe=Recipe("adam", 1e-3, "bce", batch_size=32, epochs=10.0, schedule="constant", crop=32),
    ),
    # Mao, Shen and Yang (2016), RED10: five convolutions, five deconvolutions, symmetric skips.
    "rednet": Preset("64,64,64,64,64", skip=True, recipe=Recipe("adam", 1e-3)),
    # Half as wide as DRUNet (Zhang et al. 2021): strided convolutions down, strided deconvolutions up.
    "large": Preset("32,64,128,256", "1,2,2,2", depth=4, skip=True, recipe=Recipe("muon", batch_size=32, crop=128)),
}  # fmt: skip
# Of classes only: blocks of a convolution and a deconvolution between strided convolutions. Each level takes as many
# operations as the one before it.
DEEP = Preset(
    "32,64,128,256", "1,2,2,2", depth=1, turned=True, pool=True, whitens=True,
    recipe=Recipe("muon", lr=0.02, batch_size=128, ema=0.99),
)  # fmt: skip
PRESETS["deep"] = DEEP
# What "fast" is for two tasks.
FAST_FOR = {
    "classify": replace(
        FAST,
        filters="32,64",
        stride="1,2",
        depth=1,
        dropout=0.1,
        recipe=replace(FAST.recipe, batch_size=128, ema=0.998),
    ),
    "reconstruct": replace(FAST, filters="32,64,16", stride="2,2,2", depth=0, unshuffle=1),
}


@dataclass(frozen=True)
class Budget:
    """What ``fast`` is for restoration on a ``device`` ("cpu" or "cuda") in runs of so many ``seconds`` or more.

    ``lr`` None is the optimizer's usual rate. ``basis`` is what it was chosen by, and ``measured`` says whether that
    is a measurement.
    """

    device: str
    seconds: float
    filters: str
    depth: int
    batch_size: int
    lr: float | None
    measured: bool
    basis: str


# By rising time. Nothing of CUDA's has been run on a GPU: `python benchmarks/cuda.py` measures it. The arithmetic takes
# 300 TFLOP/s, 30% of an H100's bfloat16 peak. Its batches are such that a step (0.26 TFLOP in the first row) takes
# longer than the 0.3 ms in which a processor makes a batch and starts the step. At 3.5 ms (1.05 TFLOP) three minutes
# show as many pixels as the published training of DnCNN-S, 1.6e10, to a network with four times its weights. Muon's
# rate is the one that was best on the CPU.
BUDGETS = (
    Budget("cpu", 0, "64", 4, 8, None, True, "BSD68 28.86, Set12 29.90 dB after 2 minutes"),
    Budget("cpu", 240, "64", 8, 8, None, True, "BSD68 29.07, Set12 30.19 dB after 10 minutes"),
    Budget("cuda", 0, "64", 8, 32, 0.01, False, "arithmetic: 0.9 ms a step"),
    Budget("cuda", 60, "128", 8, 32, 0.01, False, "arithmetic: 3.5 ms a step, 51,000 steps in 3 minutes"),
    Budget("cuda", 600, "128", 12, 32, 0.01, False, "arithmetic: 5.2 ms a step, 115,000 steps in 10 minutes"),
)
LONGER_DEPTH = BUDGETS[1].depth  # what a deeper network loses in steps it gains in what it can learn in longer runs

# Drawings, in runs of less than so many seconds: at a quarter of the resolution, for three times the steps, and from
# the images' principal directions. After 72 seconds it has 99.11% of MNIST, and after five minutes 98.95%, where the
# other one, slower and with dropout, has 99.5%.
SHORT_RUN = 60.0
QUICK_CLASSES = replace(
    FAST_FOR["classify"], stride="4,2", unshuffle=1, dropout=0.0, whitens=True,
    recipe=replace(FAST.recipe, lr=0.02, batch_size=128, ema=0.99),
)  # fmt: skip
LARGE_IMAGE = 48  # pixels of side from which "deep" begins with half the resolution

Architecture = Literal["fast", "article", "rednet", "large", "deep"]


def preset_of(arch: Architecture, task: str) -> Preset:
    """The preset of ``--arch``, as the task changes it."""
    return FAST_FOR.get(task, FAST) if arch == "fast" else PRESETS[arch]


def preset_on(device: str, arch: Architecture, task: str, seconds: float | None) -> Preset:
    """The same for a run of so many ``seconds`` (None: limited by steps) on the device, as "cuda:0"."""
    preset, kind = preset_of(arch, task), device.partition(":")[0]
    rows = [row for row in BUDGETS if row.device == kind and row.seconds <= (seconds or 0)]
    if preset is not FAST or kind == "cpu" or not rows:
        return preset
    row = rows[-1]
    recipe = replace(preset.recipe, batch_size=row.batch_size, lr=row.lr)
    return replace(preset, filters=row.filters, depth=row.depth, recipe=recipe)


def make_spec(config: TrainDeconvConfig, preset: Preset, facts: ImageFacts, side: int) -> DeconvSpec:
    """The network's shape. Raises DlcliError where filters and strides don't fit together."""
    filters = _numbers(config.filters or preset.filters)
    strides = _strides(config, preset, len(filters))
    kernel = config.kernel or 3
    depth = config.depth if config.depth is not None else preset.depth
    if kernel % 2 == 0 and (1 in strides or depth):
        raise DlcliError(f"--kernel {kernel} is even, which moves the image by half a pixel", "give an odd number")
    restores = config.task not in ("reconstruct", "classify")
    spec = DeconvSpec(
        input_channels=facts.inputs,
        output_channels=facts.channels,
        filters=filters,
        strides=strides,
        kernel=kernel,
        depth=depth,
        unshuffle=config.unshuffle or preset.unshuffle,
        skip=config.skip if config.skip is not None else preset.skip,
        activation=config.activation or "relu",
        dropout=config.dropout if config.dropout is not None else preset.dropout,
        turned=preset.turned,
        center=facts.ground if preset.whitens else 0.0,
        linear=LINEAR if _begins_linear(config, preset, facts) else 0,
        edges=not facts.classes,
        head=Head(
            output=preset.output or ("residual" if restores else "linear"),
            # The article's listing ends in deconvolutions whatever the task; others classify straight from features.
            decoder=not facts.classes or config.arch == "article",
            classes=facts.classes,
            side=side if facts.classes else 0,
            masked=config.task == "inpaint",
            noise_map=facts.noise_map,
            pool=preset.pool,
        ),
    )
    if facts.classes and spec.filters and side < spec.multiple:
        raise DlcliError(
            f"images of {side} pixels are too small for strides that multiply to {spec.multiple}",
            "give a larger --crop, or smaller --stride",
        )
    return spec


def _begins_linear(config: TrainDeconvConfig, preset: Preset, facts: ImageFacts) -> bool:
    """Whether the network learns what the best linear estimate misses, which is measured for noise in color."""
    in_color = 1 < facts.channels <= MOST_CHANNELS and config.task == "denoise"
    in_color = in_color and config.method not in ("neighbor2neighbor", "blind-spot")
    return in_color and config.arch == "fast" and _numbers(config.stride or preset.stride)[0] == 1


def _strides(config: TrainDeconvConfig, preset: Preset, count: int) -> tuple[int, ...]:
    """One for each of ``count`` convolutions."""
    strides = _numbers(config.stride or preset.stride)
    if config.filters and not config.stride and len(strides) not in (1, count):
        strides = (*strides, *[strides[-1]] * count)[:count]
    if len(strides) == 1:
        strides = strides * count
    if len(strides) != count:
        raise DlcliError(
            f"--stride {config.stride} has {len(strides)} numbers, and there are {count} convolutions",
            "give one stride, or one for each",
        )
    return strides


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))
