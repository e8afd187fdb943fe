"""Pixels into channels and back, as copies of whole words where an image has one channel.

PyTorch's own pixel_shuffle moves element by element: for a batch of 96x96 pixels it takes as long as a pass over
the network's widest features.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

WORDS = {4: torch.int32, 8: torch.int64}  # by bytes


def unshuffled(x: Tensor, factor: int) -> Tensor:
    """``F.pixel_unshuffle``: (B, C, f h, f w) to (B, C f f, h, w), channels-last."""
    word = _word(x.shape[1], x, factor)
    if word is None:
        return F.pixel_unshuffle(x, factor).contiguous(memory_format=torch.channels_last)
    result: Tensor = _Unshuffled.apply(x, factor, word)  # type: ignore[no-untyped-call]
    return result


def shuffled(h: Tensor, factor: int) -> Tensor:
    """``F.pixel_shuffle``: (B, C f f, h, w) to (B, C, f h, f w)."""
    word = _word(h.shape[1] // factor**2, h, factor)
    if word is None:
        return F.pixel_shuffle(h, factor)
    result: Tensor = _Shuffled.apply(h, factor, word)  # type: ignore[no-untyped-call]
    return result


def _word(channels: int, x: Tensor, factor: int) -> torch.dtype | None:
    """An integer of the size of a row of the pixels that become channels of one place, if there is one."""
    fits = channels == 1 and factor > 1 and not torch.compiler.is_compiling()
    return WORDS.get(factor * x.element_size()) if fits else None


def _to_channels(x: Tensor, factor: int, word: torch.dtype) -> Tensor:
    batch, height, width = len(x), x.shape[2] // factor, x.shape[3] // factor
    rows = x.contiguous().view(-1).view(word).view(batch, height, factor, width)
    places = rows.transpose(2, 3).contiguous().view(-1).view(x.dtype)
    return places.view(batch, height, width, factor**2).permute(0, 3, 1, 2)


def _to_pixels(h: Tensor, factor: int, word: torch.dtype) -> Tensor:
    batch, _, height, width = h.shape
    places = h.permute(0, 2, 3, 1).contiguous().view(-1).view(word).view(batch, height, width, factor)
    rows = places.transpose(2, 3).contiguous().view(-1).view(h.dtype)
    return rows.view(batch, 1, height * factor, width * factor)


class _Unshuffled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: int, word: torch.dtype) -> Tensor:
        ctx.how = factor, word
        return _to_channels(x, factor, word)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Shuffled.apply(gradient, *ctx.how), None, None  # type: ignore[no-untyped-call]


class _Shuffled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, factor: int, word: torch.dtype) -> Tensor:
        ctx.how = factor, word
        return _to_pixels(h, factor, word)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return _Unshuffled.apply(gradient, *ctx.how), None, None  # type: ignore[no-untyped-call]
