"""What dlcli's training is measured beside: the same network in a plain loop, in a tuned one, and in Lightning."""

import ctypes
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from deconv_setup import Case
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.model.spec import DeconvSpec, kernel_and_padding
from dlcli.networks.optim.flat_parameters import FlatParameters
from dlcli.networks.optim.optimizers import make_optimizers

REPEATS = 1000  # times that an epoch takes each image, so that none of the loops pays for the ends of epochs
Run = Callable[[Callable[[], bool]], int]  # trains until it is told to stop, and returns the number of images


class Block(nn.Module):
    """x + conv(relu(conv(x)))."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.second = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        return x + self.second(F.relu(self.first(x)))


class PlainNet(nn.Module):
    """The network of a spec as one would write it; its weights have DeconvNet's names."""

    block: type[nn.Module] = Block

    def __init__(self, spec: DeconvSpec) -> None:
        super().__init__()
        self.spec = spec
        shuffled = spec.unshuffle**2
        ins = (spec.input_channels * shuffled, *spec.filters[:-1])
        outs = (spec.output_channels * shuffled, *spec.filters[:-1])
        shapes = [(stride, *kernel_and_padding(spec, stride)) for stride in spec.strides]
        convolutions = [nn.Conv2d(a, b, k, s, p) for a, b, (s, k, p) in zip(ins, spec.filters, shapes, strict=True)]
        backwards = [
            nn.ConvTranspose2d(b, a, k, s, p) for a, b, (s, k, p) in zip(outs, spec.filters, shapes, strict=True)
        ]
        self.convolutions, self.deconvolutions = nn.ModuleList(convolutions), nn.ModuleList(backwards)
        self.encoder_blocks = nn.ModuleList(self.blocks(width, spec.depth) for width in spec.filters)
        depths = [spec.depth] * (len(spec.filters) - 1) + [0]
        self.decoder_blocks = nn.ModuleList(self.blocks(w, d) for w, d in zip(spec.filters, depths, strict=True))

    def blocks(self, channels: int, depth: int) -> nn.Sequential:
        """``depth`` residual blocks."""
        return nn.Sequential(*(self.block(channels, self.spec.kernel) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        """Images in, images out."""
        h = F.pixel_unshuffle(x, self.spec.unshuffle)
        kept = []
        for convolution, blocks in zip(self.convolutions, self.encoder_blocks, strict=True):
            h = blocks(F.relu(convolution(h)))
            kept.append(h)
        for level in reversed(range(len(self.deconvolutions))):
            h = self.deconvolutions[level](self.decoder_blocks[level](h))
            if level:
                h = F.relu(h + kept[level - 1] if self.spec.skip else h)
        h = F.pixel_shuffle(h, self.spec.unshuffle)
        if self.spec.head.output == "residual":
            return x - h
        return torch.sigmoid(h) if self.spec.head.output == "sigmoid" else h


class FastBlock(Block):
    """The same, overwriting what no backward pass needs."""

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape."""
        return self.second(F.relu_(self.first(x))).add_(x)


class FastNet(PlainNet):
    """The same sums: overwriting, deconvolutions of stride 1 as convolutions, and scores for a sigmoid."""

    block = FastBlock

    def forward(self, x: Tensor) -> Tensor:
        """Channels-last bfloat16 images in; float32 images, or what the sigmoid is taken of, out."""
        h = F.pixel_unshuffle(x, self.spec.unshuffle).contiguous(memory_format=torch.channels_last)
        kept = []
        for convolution, blocks in zip(self.convolutions, self.encoder_blocks, strict=True):
            h = blocks(F.relu_(convolution(h)))
            kept.append(h)
        for level in reversed(range(len(self.deconvolutions))):
            h = self._deconvolution(level, self.decoder_blocks[level](h))
            if level:
                h = F.relu_(h.add_(kept[level - 1]) if self.spec.skip else h)
        return F.pixel_shuffle(h, self.spec.unshuffle).float()

    def _deconvolution(self, level: int, h: Tensor) -> Tensor:
        module: Any = self.deconvolutions[level]
        if module.stride != (1, 1):
            return module(h)
        flipped = module.weight.transpose(0, 1).flip(2, 3)
        return F.conv2d(h, flipped, module.bias, padding=module.kernel_size[0] - 1 - module.padding[0])


def check(network: PlainNet) -> None:
    """Raise if ``network`` isn't the one that dlcli trains."""
    spec = network.spec
    reference = DeconvNet(spec)
    for weight in reference.parameters():
        nn.init.normal_(weight, std=0.05)
    network.load_state_dict(reference.state_dict())
    x = torch.rand(2, spec.input_channels, 8 * spec.multiple, 9 * spec.multiple)
    found = network(x)
    if isinstance(network, FastNet):
        found = {"residual": x - found, "sigmoid": torch.sigmoid(found), "linear": found}[spec.head.output]
    torch.testing.assert_close(found, reference(x), rtol=1e-3, atol=1e-4)
    network.load_state_dict(DeconvNet(spec).state_dict())


class NoisyCrops(Dataset[tuple[Tensor, Tensor]]):
    """A crop of an image, turned at random, and the same with noise: one at a time."""

    def __init__(self, images: Sequence[np.ndarray], side: int, sigma: float) -> None:
        self.images, self.side, self.sigma = images, side, sigma

    def __len__(self) -> int:
        return len(self.images) * REPEATS

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.images[index % len(self.images)]
        top = random.randint(0, image.shape[0] - self.side)
        left = random.randint(0, image.shape[1] - self.side)
        crop = image[top : top + self.side, left : left + self.side]
        clean = torch.from_numpy(crop).permute(2, 0, 1).float() / 255
        if random.random() < 0.5:
            clean = clean.flip(2)
        clean = torch.rot90(clean, random.randrange(4), (1, 2))
        return clean + self.sigma * torch.randn_like(clean), clean


def loader(case: Case) -> DataLoader[tuple[Tensor, Tensor]]:
    """Batches as a person would have them made."""
    crops = NoisyCrops(case.pixels, case.plan.batches.side, case.sigma)
    return DataLoader(crops, case.plan.batches.size, shuffle=True, drop_last=True)


def plain_loop(case: Case) -> Run:
    """Eager float32 with Adam."""
    network = PlainNet(case.plan.spec)
    check(network)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss_of = F.binary_cross_entropy if case.plan.loss == "bce" else F.mse_loss
    batches = iter(loader(case))

    def run(over: Callable[[], bool]) -> int:
        images, total = 0, 0.0
        while not over():
            x, y = next(batches)
            optimizer.zero_grad()
            loss = loss_of(network(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
            images += len(x)
        return images

    return run


def fast_batches(case: Case) -> Callable[[], tuple[Tensor, Tensor]]:
    """Makes noisy and clean crops, float32 and channels-last, a batch at a time."""
    random_state, size, side = np.random.default_rng(0), case.plan.batches.size, case.plan.batches.side
    channels, images = case.plan.spec.output_channels, case.pixels

    def batch() -> tuple[Tensor, Tensor]:
        crops = np.empty((size, side, side, channels), np.uint8)
        chosen, turns = (
            random_state.integers(len(images), size=size).tolist(),
            random_state.integers(8, size=size).tolist(),
        )
        for place, (index, turn, (y, x)) in enumerate(zip(chosen, turns, random_state.random((size, 2)), strict=True)):
            image = images[index]
            top, left = int(y * (image.shape[0] - side + 1)), int(x * (image.shape[1] - side + 1))
            crop = image[top : top + side, left : left + side]
            crop = crop[:: 1 - 2 * (turn & 1), :: 1 - (turn & 2)]
            crops[place] = crop.transpose(1, 0, 2) if turn & 4 else crop
        clean = torch.from_numpy(crops).float().mul_(1 / 255)
        noisy = torch.randn(clean.shape).mul_(case.sigma).add_(clean)
        return noisy.permute(0, 3, 1, 2), clean.permute(0, 3, 1, 2)

    return batch


@dataclass
class FastLoop:
    """bfloat16 weights with float32 masters; ``own`` takes dlcli's optimizers and its vector of weights for them."""

    own: bool
    compiled: bool

    def __call__(self, case: Case) -> Run:
        """The loop, ready to run."""
        plan = case.plan
        if sys.platform == "linux":  # freed memory is kept for the next step
            ctypes.CDLL(None).mallopt(-3, 2**30)
            ctypes.CDLL(None).mallopt(-1, 2**30)
        network = FastNet(plan.spec)
        check(network)
        network = network.to(memory_format=torch.channels_last)
        network, update = own_update(network, plan) if self.own else adam_update(network)
        batch = fast_batches(case)

        def loss_of(x: Tensor, y: Tensor) -> Tensor:
            output = network(x.bfloat16())
            if plan.loss == "bce":
                return F.binary_cross_entropy_with_logits(output, y)
            return F.mse_loss(x - output, y)

        # The convolutions called from C++: 0.2% faster than with Python between them.
        measured: Any = torch.compile(loss_of, options={"cpp_wrapper": True}) if self.compiled else loss_of

        def run(over: Callable[[], bool]) -> int:
            images = 0
            while not over():
                x, y = batch()
                update(measured(x, y))
                images += len(x)
            return images

        return run


Update = Callable[[Tensor], None]  # a step by the gradient of this loss


def adam_update(network: PlainNet) -> tuple[nn.Module, Update]:
    """The network in bfloat16, and fused Adam on float32 masters."""
    masters = [nn.Parameter(p.detach().clone()) for p in network.parameters()]
    network = network.bfloat16()
    weights = [p.detach() for p in network.parameters()]
    for master in masters:
        master.grad = torch.empty_like(master)
    optimizer = torch.optim.Adam(masters, lr=1e-3, fused=True)

    def update(loss: Tensor) -> None:
        loss.backward()
        torch._foreach_copy_([m.grad for m in masters], [p.grad for p in network.parameters()])
        optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(weights, masters)
        for parameter in network.parameters():
            parameter.grad = None

    return network, update


def own_update(network: PlainNet, plan: Any) -> tuple[nn.Module, Update]:
    """The network in bfloat16, and dlcli's optimizers."""
    ends = ("convolutions.0.weight", "deconvolutions.0.weight")
    hidden = [p for name, p in network.named_parameters() if p.ndim == 4 and name not in ends]
    weights = FlatParameters(network, hidden, half=True)
    optimizers = make_optimizers(weights, plan.optimizer.name, plan.optimizer.lr, momentum=0.9, l2=0.0)

    def update(loss: Tensor) -> None:
        weights.backward(loss)
        for optimizer in optimizers:
            optimizer.step()
        weights.sync()

    return weights.compute_model, update


PEERS: dict[str, Callable[[Case], Run]] = {
    "plain loop, float32": plain_loop,
    "hand-written, dlcli's optimizer": FastLoop(own=True, compiled=False),
    "hand-written, dlcli's optimizer, compiled": FastLoop(own=True, compiled=True),
    "hand-written, fused Adam": FastLoop(own=False, compiled=False),
    "hand-written, fused Adam, compiled": FastLoop(own=False, compiled=True),
}
