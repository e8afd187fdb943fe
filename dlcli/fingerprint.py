"""Detecting changed data: names, sizes and a checksum of the content, whatever the files' times."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dlcli.errors import DlcliError
from dlcli.files import JsonObject
from dlcli.text import printable_path

WHOLE = 256 << 20  # bytes that are read in full; of more, blocks that are evenly spread
BLOCKS, LEAST = 16, 4096  # blocks of a file that isn't read in full, and bytes of each at least
NAMED = 32  # files up to which each is remembered on its own, so that the one that changed can be named

Part = tuple[str, Path | NDArray[np.generic]]


def fingerprint(parts: Sequence[Part], whole: int | None = None) -> JsonObject:
    """The fingerprint of named files and arrays, as JSON keeps it.

    Up to ``whole`` bytes (256 MB) every byte counts; of more, names, sizes and 16 blocks of each part. Raises
    DlcliError for a file that can't be read.
    """
    whole = WHOLE if whole is None else whole
    sizes = [_size(name, part) for name, part in parts]
    share = whole if sum(sizes) <= whole else whole // len(parts)
    digests = [_digest(name, part, size, share) for (name, part), size in zip(parts, sizes, strict=True)]
    every = hashlib.blake2b(digest_size=16)
    for (name, _), size, digest in zip(parts, sizes, digests, strict=True):
        every.update(f"{name}\0{size}\0{digest}\n".encode(errors="surrogateescape"))
    found: JsonObject = {"parts": len(parts), "bytes": sum(sizes), "digest": every.hexdigest()}
    if len(parts) <= NAMED:
        found["each"] = [
            [printable_path(name), size, digest] for (name, _), size, digest in zip(parts, sizes, digests, strict=True)
        ]
    return found


def difference(before: JsonObject | None, now: JsonObject) -> str:
    """What has changed between two fingerprints, in one clause; empty where nothing has."""
    if before is None:
        return "it was started without a fingerprint of its data"
    if before == now:
        return ""
    there, here = ({n: (s, d) for n, s, d in found.get("each", [])} for found in (before, now))
    changed = [name for name in here if there.get(name, here[name]) != here[name]]
    if changed and there.keys() == here.keys():
        name = changed[0]
        others = f", and {len(changed) - 1} more" if len(changed) > 1 else ""
        old, new = there[name][0], here[name][0]
        same = f"different content of the same size, {new:,}"
        how = same if old == new else f"it had {old:,} bytes, and has {new:,}"
        return f"{name} has changed ({how}){others}"
    for what, unit in (("parts", "files or images"), ("bytes", "bytes")):
        if before[what] != now[what]:
            return f"{before[what]:,} {unit} then, {now[what]:,} now"
    return f"different names or content, with the same number of files and bytes ({now['bytes']:,})"


def _size(name: str, part: Path | NDArray[np.generic]) -> int:
    if not isinstance(part, Path):
        return int(part.nbytes)
    try:
        return part.stat().st_size
    except OSError as error:
        raise _unreadable(name, error) from None


def _digest(name: str, part: Path | NDArray[np.generic], size: int, share: int) -> str:
    """The checksum of a part's content, or of blocks of it where it is larger than its share."""
    digest = hashlib.blake2b(digest_size=16)
    block = max(share // BLOCKS, LEAST)
    starts = [0] if size <= BLOCKS * block else [(size - block) * i // (BLOCKS - 1) for i in range(BLOCKS)]
    length = size if len(starts) == 1 else block
    if not isinstance(part, Path):
        digest.update(f"{part.dtype} {part.shape}".encode())
        content = np.ascontiguousarray(part).reshape(-1).view(np.uint8)
        for start in starts:
            digest.update(content[start : start + length].tobytes())
        return digest.hexdigest()
    try:
        with part.open("rb") as file:
            for start in starts:
                file.seek(start)
                left = length
                while left and (piece := file.read(min(left, 1 << 20))):
                    digest.update(piece)
                    left -= len(piece)
    except OSError as error:
        raise _unreadable(name, error) from None
    return digest.hexdigest()


def _unreadable(name: str, error: OSError) -> DlcliError:
    return DlcliError(f"{printable_path(name)} cannot be read: {error.strerror}", "check the path and its permissions")
