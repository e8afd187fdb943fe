"""Pixels into channels and back, as copies of whole words where an image has one channel.

PyTorch's own pixel_shuffle moves element by element: for a batch of 96x96 pixels it takes as long as a pass over
the network's widest features.
"""

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

Move = Callable[[Tensor], Tensor]
WORDS = {4: torch.int32, 8: torch.int64}  # by bytes


def unshuffled(x: Tensor, factor: int) -> Tensor:
    """``F.pixel_unshuffle``: (B, C, f h, f w) to (B, C f f, h, w), channels-last."""
    if factor == 1:
        return x.contiguous(memory_format=torch.channels_last)
    word = _word(x.shape[1], x, factor)
    if word is None:
        return F.pixel_unshuffle(x, factor).contiguous(memory_format=torch.channels_last)
    to_channels, to_pixels = _ways(factor, word)
    result: Tensor = _Moved.apply(x, to_channels, to_pixels)  # type: ignore[no-untyped-call]
    return result


def shuffled(h: Tensor, factor: int) -> Tensor:
    """``F.pixel_shuffle``: (B, C f f, h, w) to (B, C, f h, f w)."""
    if factor == 1:
        return h
    word = _word(h.shape[1] // factor**2, h, factor)
    if word is None:
        return F.pixel_shuffle(h, factor)
    to_channels, to_pixels = _ways(factor, word)
    result: Tensor = _Moved.apply(h, to_pixels, to_channels)  # type: ignore[no-untyped-call]
    return result


def _ways(factor: int, word: torch.dtype) -> tuple[Move, Move]:
    return partial(_to_channels, factor=factor, word=word), partial(_to_pixels, factor=factor, word=word)


def _word(channels: int, x: Tensor, factor: int) -> torch.dtype | None:
    """An integer of the size of a row of the pixels that become channels of one place, if there is one."""
    fits = channels == 1 and not torch.compiler.is_compiling()
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


class _Ways(Protocol):
    ways: tuple[Move, Move]


class _Moved(torch.autograd.Function):
    """``there`` of x, which only changes places, so that its gradient is ``back``."""

    @staticmethod
    def forward(ctx: _Ways, x: Tensor, there: Move, back: Move) -> Tensor:
        ctx.ways = there, back
        return there(x)

    @staticmethod
    def backward(ctx: _Ways, gradient: Tensor) -> tuple[Tensor, None, None]:
        there, back = ctx.ways
        return _Moved.apply(gradient, back, there), None, None  # type: ignore[no-untyped-call]
