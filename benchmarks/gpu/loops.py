"""What dlcli's training is measured beside on a GPU: a plain eager loop, and the fastest by hand."""

from collections.abc import Callable
from typing import Any

import torch
from deconv_peers import FastNet, PlainNet, check, fast_batches
from deconv_setup import Case
from torch import Tensor, nn
from torch.nn import functional as F

Step = Callable[[], object]


def plain_loop(case: Case, device: str) -> Step:
    """Eager float32 with Adam; crops cut by NumPy, noise drawn by torch, both on the CPU; the loss read each step."""
    network = PlainNet(case.plan.spec)
    check(network)
    network = network.to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    loss_of = F.binary_cross_entropy if case.plan.loss == "bce" else F.mse_loss
    batch = fast_batches(case)

    def step() -> float:
        x, y = (images.contiguous().to(device) for images in batch())
        optimizer.zero_grad()
        loss = loss_of(network(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def pool_batches(case: Case, device: str) -> Callable[[], tuple[Tensor, Tensor]]:
    """Noisy and clean crops, float32 and channels-last, made on the device from all images of one size."""
    size, side, pixels = case.plan.batches.size, case.plan.batches.side, case.pixels
    (height, width, channels), count = pixels[0].shape, len(pixels)
    pool = torch.stack([torch.from_numpy(image.copy()) for image in pixels]).to(device).view(-1, channels)
    y, x = torch.arange(side, device=device).view(1, -1, 1), torch.arange(side, device=device).view(1, 1, -1)
    shape = (size, 1, 1)

    def draw(below: int) -> Tensor:
        return torch.randint(below, shape, device=device)

    def batch() -> tuple[Tensor, Tensor]:
        start = (draw(count) * height + draw(height - side + 1)) * width + draw(width - side + 1)
        down, right, across = draw(2), draw(2), draw(2)
        rows, columns = torch.where(across > 0, x, y), torch.where(across > 0, y, x)
        rows, columns = (torch.where(f > 0, side - 1 - n, n) for f, n in ((down, rows), (right, columns)))
        clean = pool[start + rows * width + columns].float().mul_(1 / 255)
        noisy = torch.randn(clean.shape, device=device).mul_(case.sigma).add_(clean)
        return noisy.permute(0, 3, 1, 2), clean.permute(0, 3, 1, 2)

    return batch


def hand_loop(case: Case, device: str, *, graph: bool, compiled: bool) -> Step:
    """Channels-last bfloat16 with float32 masters, fused Adam, batches made on the device; nothing read.

    With ``graph`` the whole step, batch included, is one CUDA graph; ``compiled`` fuses the network's operations.
    """
    network = FastNet(case.plan.spec)
    check(network)
    network = network.to(device, memory_format=torch.channels_last)
    masters = [nn.Parameter(p.detach().clone()) for p in network.parameters()]
    network = network.bfloat16()
    weights = [p.detach() for p in network.parameters()]
    for master in masters:
        master.grad = torch.empty_like(master)
    optimizer = torch.optim.Adam(masters, lr=1e-3, fused=True, capturable=device.startswith("cuda"))
    batch = pool_batches(case, device)

    def loss_of(x: Tensor, y: Tensor) -> Tensor:
        output = network(x.bfloat16())
        if case.plan.loss == "bce":
            return F.binary_cross_entropy_with_logits(output, y)
        return F.mse_loss(x - output, y)

    measured: Any = torch.compile(loss_of) if compiled else loss_of

    def step() -> None:
        loss = measured(*batch())
        torch._foreach_copy_([m.grad for m in masters], torch.autograd.grad(loss, list(network.parameters())))
        optimizer.step()
        with torch.no_grad():
            torch._foreach_copy_(weights, masters)

    return as_graph(step) if graph else step


def as_graph(step: Step, warm_up: int = 5) -> Step:
    """``step`` as a CUDA graph: the same kernels, started by one call."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # as torch asks: what is allocated at the first steps is not the graph's
        for _ in range(warm_up):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay
