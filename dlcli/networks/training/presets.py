"""What each ``--arch`` means: a network's shape and how it is trained, as the task changes them."""

from dataclasses import dataclass, field, replace
from typing import Literal

from dlcli.networks.model.deconv import Output


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

    ``output`` None is a residual for restoration, else the image itself.
    """

    filters: str
    stride: str = "1"
    depth: int = 0
    unshuffle: int = 1
    skip: bool = False
    dropout: float = 0.0
    output: Output | None = None
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
LONGER_DEPTH = 8  # of "fast" for longer runs: what a deeper network loses in steps it then gains in what it can learn

Architecture = Literal["fast", "article", "rednet", "large"]


def preset_of(arch: Architecture, task: str) -> Preset:
    """The preset of ``--arch``, as the task changes it."""
    return FAST_FOR.get(task, FAST) if arch == "fast" else PRESETS[arch]
