"""Compares what two runs of a case have left, file by file: what differs, and what is said though it may differ."""

import csv
import itertools
import json
import math
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

# ---- What changes on purpose, with the reason. Nothing else may differ. ----

# Files that are not compared: pattern -> why.
NOT_COMPARED = {
    "stderr-*": "messages: their wording may be bettered; the exit code is compared",
    "codes.json": "exit codes, which are compared before",
    "plots/lr.*": "a chart: charts are drawn by a library, no longer by code of this project",
    "plots/loss.*": "a chart",
    "plots/importance.*": "a chart",
    "plots/parallel.*": "a chart",
    "plots/confusion.*": "a chart",
    "checkpoint/*": "the format is private to one version; that a resumed run gives the same bits is compared",
    "study.journal*": "Optuna's own log, with times",
    "studies/*": "Optuna's own log, with times",
}
# Keys of JSON (and columns of trials.csv) that are not compared: key -> why.
VARYING = {
    "seconds": "a duration",
    "images_per_second": "a speed",
    "seconds_per_image": "a duration",
    "environment": "versions and threads",
    "dlcli": "the version",
    "run": "the run's path",
    "worker": "the name of a process",
    "memory": "what was free",
}
# Keys of JSON whose texts may be reworded, which is said; whether they are there, and how many, is compared.
WORDED = {
    "reason": "why a run ended, in words",
    "std_error_reason": "why there are no standard errors, in words",
    "warnings": "in words",
    "note": "in words",
    "notes": "in words",
}
# Cases whose results change on purpose, by their names: case -> why. They are run and shown, and don't count.
CHANGED: dict[str, str] = {}
# Keys of reports and settings under a new name: old -> new.
RENAMED: dict[str, str] = {"colour": "color"}

# -----------------------------------------------------------------------------

MOST = 4  # differences that are spelled out for one file
ABSENT = object()


@dataclass
class Findings:
    """What a comparison has found: ``differences`` are failures, ``notes`` are not."""

    differences: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def differ(self, where: str, what: str) -> None:
        """Add a difference."""
        self.differences.append(f"{where}: {what}".removeprefix(": "))

    def note(self, where: str, what: str) -> None:
        """Add what may change."""
        self.notes.append(f"{where}: {what}".removeprefix(": "))


def compare_cases(before: Path, after: Path, commands: Iterable[str]) -> Findings:
    """All files of a case's two folders, and its exit codes."""
    found = Findings()
    codes = [json.loads((side / "codes.json").read_text()) for side in (before, after)]
    words = list(commands)
    for number, (old, new) in enumerate(zip(*codes, strict=True), 1):
        if old != new:
            last = (after / f"stderr-{number}").read_text(errors="replace").strip().splitlines()[-1:]
            found.differ(f"command {number}", f"exit code {old} -> {new} {last}")
    files = [_files(side) for side in (before, after)]
    for name in sorted(files[0] | files[1]):
        if any(_matches(name, pattern) for pattern in NOT_COMPARED):
            continue
        if name not in files[1]:
            found.differ(name, "is not written any more")
        elif name not in files[0]:
            found.differ(name, "is new")
        elif compare := _comparer(name, words):
            inner = Findings()
            compare(before / name, after / name, inner)
            found.differences += [f"{name} {text}" for text in _shortened(inner.differences)]
            found.notes += [f"{name} {text}" for text in inner.notes]
    return found


def _shortened(texts: list[str]) -> list[str]:
    return texts if len(texts) <= MOST else [*texts[:MOST], f"... and {len(texts) - MOST} more"]


def _files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def _matches(name: str, pattern: str) -> bool:
    """A pattern holds for the end of a path, from the start of a name or a folder on."""
    return Path(name).match(pattern)


def _comparer(name: str, commands: list[str]) -> Callable[[Path, Path, Findings], None] | None:
    """How a file is compared; None for tables that people read: what they show stands in the report."""
    path = Path(name)
    if name.startswith("stdout-"):
        words = commands[int(name.removeprefix("stdout-")) - 1].split()
        if "--json" in words:
            return _compare_json
        return _compare_bytes if "predict" in words else None
    by_name = {"trials.jsonl": _compare_trials, "trials.csv": _compare_table, "samples.png": _compare_pixels}
    by_kind = {
        ".safetensors": _compare_model, ".jsonl": _compare_lines, ".json": _compare_json, ".toml": _compare_toml,
    }  # fmt: skip
    return by_name.get(path.name) or by_kind.get(path.suffix) or _compare_bytes


def _compare_bytes(before: Path, after: Path, found: Findings) -> None:
    old, new = before.read_bytes(), after.read_bytes()
    if old != new:
        place = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        found.differ("", f"{len(old)} -> {len(new)} bytes, from byte {place} on")


def _compare_pixels(before: Path, after: Path, found: Findings) -> None:
    if before.read_bytes() == after.read_bytes():
        return
    old, new = (np.asarray(Image.open(path)) for path in (before, after))
    if old.shape != new.shape:
        found.differ("", f"{old.shape} -> {new.shape} pixels")
    elif (old != new).any():
        places = np.argwhere((old != new).reshape(*old.shape[:2], -1).any(-1))
        found.differ("", f"{len(places)} pixels, within {places.min(0).tolist()} to {places.max(0).tolist()}")
    else:
        found.note("", "other bytes, the same pixels")


def _compare_json(before: Path, after: Path, found: Findings) -> None:
    compare_values(_document(before), _document(after), "", found)


def _document(path: Path) -> Any:
    """The JSON of a file; None where it is empty, its text where it is none."""
    text = path.read_text()
    try:
        return json.loads(text) if text.strip() else None
    except ValueError:
        return text


def _compare_toml(before: Path, after: Path, found: Findings) -> None:
    compare_values(tomllib.loads(before.read_text()), tomllib.loads(after.read_text()), "", found)


def _compare_lines(before: Path, after: Path, found: Findings) -> None:
    _compare_records(_records(before), _records(after), found)


def _records(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _compare_trials(before: Path, after: Path, found: Findings) -> None:
    """Several workers write their trials as they end: they are compared by number."""
    old, new = (
        sorted((r for r in _records(path) if set(r) != {"worker"}), key=lambda r: r.get("number", -1))
        for path in (before, after)
    )
    _compare_records(old, new, found)


def _compare_records(old: list[Any], new: list[Any], found: Findings) -> None:
    if len(old) != len(new):
        found.differ("", f"{len(old)} -> {len(new)} lines")
    for number, (a, b) in enumerate(zip(old, new, strict=False), 1):
        compare_values(a, b, f"line {number}", found)


def _compare_table(before: Path, after: Path, found: Findings) -> None:
    old, new = (list(csv.DictReader(path.read_text().splitlines())) for path in (before, after))
    _compare_records(old, new, found)


def _compare_model(before: Path, after: Path, found: Findings) -> None:
    """Bytes, and where they differ, which tensor or which field of the metadata."""
    old, new = before.read_bytes(), after.read_bytes()
    if old == new:
        return
    count = len(found.differences)
    parts = [_parts(old), _parts(new)]
    headers, data = [header for header, _ in parts], [tensors for _, tensors in parts]
    metadata = [_unpacked(header.pop("__metadata__", {})) for header in headers]
    for name in sorted({*headers[0], *headers[1]}):
        a, b = (header.get(name) for header in headers)
        if a is None or b is None:
            found.differ(f"tensor {name}", "is new" if a is None else "is gone")
        elif (a["dtype"], a["shape"]) != (b["dtype"], b["shape"]):
            found.differ(f"tensor {name}", f"{a['dtype']} {a['shape']} -> {b['dtype']} {b['shape']}")
        elif (x := data[0][slice(*a["data_offsets"])]) != (y := data[1][slice(*b["data_offsets"])]):
            found.differ(f"tensor {name}", _distance(x, y, a["dtype"]))
    compare_values(metadata[0], metadata[1], "metadata", found, strict=True)
    if len(found.differences) == count:
        found.differ("", "other bytes (the order of the header), the same tensors and metadata")


def _parts(raw: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of a safetensors file."""
    size = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8 : 8 + size]), raw[8 + size :]


def _unpacked(metadata: dict[str, str]) -> dict[str, Any]:
    return {key: json.loads(text) if text[:1] in "{[" else text for key, text in metadata.items()}


def _distance(x: bytes, y: bytes, dtype: str) -> str:
    kinds = {"F64": np.float64, "F32": np.float32, "F16": np.float16}
    if dtype not in kinds:
        return "other bytes"
    a, b = (np.frombuffer(raw, kinds[dtype]).astype(np.float64) for raw in (x, y))
    return f"{np.count_nonzero(a != b)} of {a.size} numbers, by up to {np.nanmax(abs(a - b)):.3g}"


def compare_values(old: Any, new: Any, where: str, found: Findings, *, strict: bool = False) -> None:
    """Two JSON values, equal to the last bit.

    Unless ``strict``, objects may have new keys, and what is listed above may vary.
    """
    if isinstance(old, dict) and isinstance(new, dict):
        _compare_objects(old, new, where, found, strict)
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            found.differ(where, f"{len(old)} -> {len(new)} items")
        for number, (a, b) in enumerate(zip(old, new, strict=False)):
            compare_values(a, b, f"{where}[{number}]", found, strict=strict)
    elif _leaf(old) != _leaf(new):
        found.differ(where, f"{_shown(old)} -> {_shown(new)}{_relative(old, new)}")


def _compare_objects(old: dict[str, Any], new: dict[str, Any], where: str, found: Findings, strict: bool) -> None:
    renamed = {RENAMED.get(key, key): value for key, value in old.items()}
    for key in dict.fromkeys([*renamed, *new]):
        place = f"{where}.{key}" if where else key
        a, b = renamed.get(key, ABSENT), new.get(key, ABSENT)
        if a is ABSENT:
            (found.differ if strict else found.note)(place, f"is new ({_shown(b)})")
        elif b is ABSENT:
            found.differ(place, f"is gone ({_shown(a)})")
        elif key in VARYING and not strict:
            continue
        elif key in WORDED and not strict:
            _compare_words(a, b, place, found)
        else:
            compare_values(a, b, place, found, strict=strict)


def _compare_words(old: Any, new: Any, where: str, found: Findings) -> None:
    """Texts: none may come or go, but each may be reworded."""
    a, b = ([v] if isinstance(v, str) else v for v in (old, new))
    if not isinstance(a, list) or not isinstance(b, list) or len(a) != len(b):
        if _leaf(old) != _leaf(new):
            found.differ(where, f"{_shown(old)} -> {_shown(new)}")
        return
    for x, y in itertools.zip_longest(a, b):
        if bool(x) != bool(y):
            found.differ(where, f"{_shown(x)} -> {_shown(y)}")
        elif x != y:
            found.note(where, f"reworded, {_shown(x)} -> {_shown(y)}")


def _leaf(value: Any) -> str:
    """Text that is equal where value and type are: 1 is not 1.0, and NaN is NaN."""
    return json.dumps(value, default=repr, sort_keys=True)


def _shown(value: Any) -> str:
    text = _leaf(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _relative(old: Any, new: Any) -> str:
    if isinstance(old, float) and isinstance(new, float) and old and math.isfinite(old - new):
        return f" ({abs(new - old) / abs(old):.1e} of it)"
    return ""
