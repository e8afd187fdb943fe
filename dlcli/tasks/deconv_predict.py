"""``dlcli predict`` of an image network: restored images under their own names, or a table of classes."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlcli.config.evaluate import PredictConfig
from dlcli.data.deblur import Deblur
from dlcli.data.degradations import Observation
from dlcli.data.idx import available_memory
from dlcli.data.images import DecodedImage, read_image, read_pixels, write_image
from dlcli.data.inpaint import Inpaint
from dlcli.data.names import printable_path
from dlcli.data.picture_arrays import as_bytes
from dlcli.data.picture_files import Skipped
from dlcli.data.picture_sources import Candidate
from dlcli.data.upscale import Upscale, enlarge
from dlcli.engine.device import describe_device
from dlcli.errors import DlcliError
from dlcli.tasks.deconv_classes import predict_classes
from dlcli.tasks.deconv_data import warn_of_skipped
from dlcli.tasks.deconv_saved import TrainedNetwork, as_image, as_pixels, exactly, load_network
from dlcli.tasks.image_outputs import Output, OutputPlan, plan_outputs
from dlcli.tasks.progress import Progress, Report

EVERY = 50  # images between two notes
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as gray images are made elsewhere
COPIES = 6  # of an image, in float32, that are alive at once beside the network's own memory
SMALL = 256 << 20  # bytes: asking for the free memory takes longer than it is worth below
Mask = NDArray[np.bool_]


def predict_network(config: PredictConfig, progress: Progress) -> Report:
    """Restore every image in ``config.data``, or classify it. A bad image is named and left out.

    Returns the report, with ``images`` and ``skipped``. Raises DlcliError for a damaged model, data or an ``out``
    that don't fit, and when no image could be restored.
    """
    start = time.monotonic()
    trained = load_network(config)
    if trained.task == "classify":
        found = predict_classes(config, trained, progress)
    else:
        found = _restore_all(config, trained, progress)
    return {
        "command": "predict", "run": str(config.run), "out": str(config.out) if config.out else None,
        "device": describe_device(trained.device), "task": trained.task, **found,
        "seconds": time.monotonic() - start, "status": "finished",
    }  # fmt: skip


def _restore_all(config: PredictConfig, trained: TrainedNetwork, progress: Progress) -> dict[str, Any]:
    mask = _mask(config, trained)
    plan = plan_outputs(config.data, config.out, force=config.force)
    for note in plan.notes:
        progress.note(note)
    if isinstance(trained.degradation, Deblur) and len(trained.degradation.kernels) > 1 and config.kernel is None:
        progress.note(f"taking the first of {len(trained.degradation.kernels)} blur kernels; --kernel N takes another")
    skipped, done, first = list(plan.skipped), 0, None
    for number, output in enumerate(plan.outputs, 1):
        name = output.candidate.name
        try:
            image = _decoded(output.candidate)
            with exactly():
                pixels, alpha = _restored(trained, image, mask, config.kernel or 0)
        except DlcliError as error:
            first = first or error
            why = error.message.removeprefix(printable_path(name)).lstrip(" :")
            skipped.append(Skipped(printable_path(name), why))
            continue
        _write(output, image, pixels, alpha)
        done += 1
        if number % EVERY == 0 and number < len(plan.outputs):
            progress.note(f"{number:,} of {len(plan.outputs):,} images")
    if not done:
        raise _nothing_done(plan, skipped, first)
    warn_of_skipped(skipped, done + len(skipped), progress)
    return {"images": done, "skipped": [vars(one) for one in skipped]}


def _nothing_done(plan: OutputPlan, skipped: list[Skipped], first: DlcliError | None) -> DlcliError:
    one = skipped[-len(plan.outputs)]
    what = "the image could not be restored" if len(skipped) == 1 else f"none of {len(skipped):,} images was restored"
    return DlcliError(f"{what}; {one.name}: {one.why}", first.hint if first else "")


def _mask(config: PredictConfig, trained: TrainedNetwork) -> Mask | None:
    """The pixels that --mask says are missing."""
    if config.mask is None:
        return None
    if trained.task != "inpaint":
        raise DlcliError(f"--mask is for inpaint, and the network was trained to {trained.task}", "leave it out")
    mask: Mask = read_pixels(config.mask, f"--mask {config.mask}", 1)[:, :, 0] > 127
    if mask.all():
        raise DlcliError(f"--mask {config.mask} is white throughout, which leaves nothing known", "white: missing")
    return mask


def _decoded(candidate: Candidate) -> DecodedImage:
    if candidate.path is not None:
        return read_image(candidate.path, candidate.name)
    assert candidate.array is not None
    return DecodedImage(as_bytes(candidate.array), None, 8, "PNG", "")


def _restored(
    trained: TrainedNetwork, image: DecodedImage, mask: Mask | None, kernel: int
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Pixels (H, W, C) and alpha (H, W), as deep as the image's own."""
    scale = trained.degradation.scale if isinstance(trained.degradation, Upscale) else 1
    _check_memory(image.pixels.size * scale**2)
    alpha = image.alpha
    try:
        x = as_image(image.pixels, trained.device)
        gray = image.gray
        if trained.channels == 1:
            x = x.transpose(0, 1)  # each channel by itself
        elif gray:
            x = x.expand(-1, 3, -1, -1)
        if isinstance(trained.degradation, Inpaint):
            missing = _missing(trained.degradation, image, mask)
            observed = trained.degradation.prepare(x, missing)
            if missing is not None and alpha is not None:
                alpha = np.where(missing, np.iinfo(alpha.dtype).max, alpha)  # what was filled can be seen
        else:
            observed = _prepared(trained, x, kernel)
        y = trained.restored(observed)
        if trained.channels == 1:
            y = y.transpose(0, 1)
        elif gray:
            y = (y * torch.tensor(LUMA, device=y.device).view(1, 3, 1, 1)).sum(1, keepdim=True)
        return as_pixels(y, image.bits), _enlarged(alpha, scale)
    except (MemoryError, RuntimeError) as error:
        # Torch says that memory ran out by a RuntimeError, or by a kind of it.
        if isinstance(error, RuntimeError) and "memory" not in str(error).lower():
            raise
        raise DlcliError("needs more memory than there is", "give a smaller --tile, or cut the image") from None


def _prepared(trained: TrainedNetwork, x: Tensor, kernel: int) -> Observation:
    if isinstance(trained.degradation, Deblur):
        return trained.degradation.prepare(x, kernel)
    return trained.degradation.prepare(x)


def _missing(degradation: Inpaint, image: DecodedImage, mask: Mask | None) -> Mask | None:
    """The pixels to fill: those of --mask, else of the network's own mask if it fits, else the transparent ones."""
    if mask is not None:
        return mask
    own = degradation.mask
    if own is not None and own.shape == image.pixels.shape[:2]:
        return own
    if image.alpha is not None and (image.alpha == 0).any():
        transparent: Mask = image.alpha == 0
        if transparent.all():
            raise DlcliError("is transparent throughout, which leaves nothing known", "give --mask FILE")
        return transparent
    if own is not None:
        return own  # prepare tells the two shapes
    raise DlcliError(
        "does not say which pixels are missing: it has no transparent ones",
        "give --mask FILE, an image of its size that is white where pixels are missing",
    )


def _enlarged(alpha: NDArray[Any] | None, scale: int) -> NDArray[Any] | None:
    if alpha is None or scale == 1:
        return alpha
    bits = 8 * alpha.dtype.itemsize
    return as_pixels(enlarge(as_image(alpha[:, :, None], "cpu"), scale), bits)[:, :, 0]


def _check_memory(values: int) -> None:
    needed = values * 4 * COPIES
    if needed > SMALL and needed > available_memory():
        raise DlcliError(f"needs about {needed / 2**30:.1f} GiB of memory, more than is free", "cut the image")


def _write(output: Output, image: DecodedImage, pixels: NDArray[Any], alpha: NDArray[Any] | None) -> None:
    folder: Path = output.target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DlcliError(f"cannot make {folder}: {error.strerror or error}", "choose another --out") from None
    write_image(output.target, pixels, alpha, image.bits, output.format or image.format)
