"""The shape of a network: all that is needed to build one."""

from dataclasses import dataclass
from typing import Literal

from dlcli.config.network import Activation

Output = Literal["residual", "sigmoid", "linear"]


@dataclass(frozen=True)
class Head:
    """What a network ends in.

    ``output`` says what the last deconvolution gives: a residual that is subtracted from the input image, the image
    through a sigmoid, or the image itself. With ``classes`` a fully connected layer on the features of a square of
    ``side`` pixels ends the network, or with ``pool`` on their means; ``decoder`` says whether the deconvolutions come
    before it. With ``masked`` the last input channel is 1 where the image is unknown, and the residual is 0 elsewhere:
    what is known stays as it is. ``mirrored``: but for training, the probabilities of classes are the means of those of
    an image and of its mirror image. ``noise_map`` above 0: the last input channel is the deviation of the noise, up to
    this, as a share of the range of the images.
    """

    output: Output = "residual"
    decoder: bool = True
    classes: int = 0
    side: int = 0
    masked: bool = False
    pool: bool = False
    mirrored: bool = False
    noise_map: float = 0.0


@dataclass(frozen=True)
class DeconvSpec:
    """Shape of a network; all that is needed to build it.

    filters and strides have one entry for each convolution; the deconvolutions mirror them. ``turned``: residual blocks
    are of a convolution and a deconvolution, else of two convolutions. ``center`` is taken from the input's values, so
    that what is padded with zeros goes on as the images do. ``linear``: side of the kernels of a fixed convolution
    from the input straight to the residual (0: none), which training chooses before its first step. ``edges``: but for
    training, flat parts of images become what they would without borders (``edges.py``).
    """

    input_channels: int
    output_channels: int
    filters: tuple[int, ...]
    strides: tuple[int, ...]
    kernel: int = 3
    depth: int = 0
    unshuffle: int = 1
    skip: bool = False
    activation: Activation = "relu"
    dropout: float = 0.0
    turned: bool = False
    center: float = 0.0
    linear: int = 0
    edges: bool = False
    head: Head = Head()

    @property
    def multiple(self) -> int:
        """Height and width are padded to a multiple of this inside the network."""
        product = self.unshuffle
        for stride in self.strides:
            product *= stride
        return product


def kernel_and_padding(spec: DeconvSpec, stride: int) -> tuple[int, int]:
    """Side and padding of the convolution, and of the deconvolution, of this ``stride``.

    A strided kernel is a multiple of its stride wide: every pixel then gets equally many terms. Sides of odd strides
    are three times the stride, as only an even overlap can be padded evenly.
    """
    kernel = spec.kernel if stride == 1 else 2 * stride if stride % 2 == 0 else 3 * stride
    return kernel, (kernel - stride) // 2
