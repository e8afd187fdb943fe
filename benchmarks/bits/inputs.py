"""Small tables and images, the same at every call, which the compared commands read."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROWS = 240
COLORS = ("red", "green", "blue", "yellow")


def make_inputs(folder: Path) -> str:
    """Write all inputs into ``folder``, which is made, and return a digest of their contents."""
    folder.mkdir(parents=True)
    _tables(folder)
    _images(folder)
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _tables(folder: Path) -> None:
    """Numbers with a numeric target; the same with gaps and texts; two and three classes; other file formats."""
    random = np.random.default_rng(1)
    x = random.normal(size=(ROWS, 4)) @ random.normal(size=(4, 4)) * [1.0, 10.0, 0.1, 1.0] + [0, 5, 0, -2]
    y = x @ [1.0, 0.2, -3.0, 0.5] + 2 + random.normal(size=ROWS)
    lines = [",".join(f"{v:.6g}" for v in row) for row in np.column_stack([x, y])]
    _write(folder / "numbers.csv", ["a,b,c,d,y", *lines])
    _write(folder / "new.csv", ["a,b,c,d,y", *(line for line in lines[::7])])
    np.save(folder / "numbers.npy", np.column_stack([x, y]))
    records = [dict(zip("abcdy", map(float, row), strict=True)) for row in np.column_stack([x, y]).round(4)]
    _write(folder / "numbers.jsonl", map(json.dumps, records))

    rows = []
    for i, row in enumerate(x):
        cells = [f"{v:.5g}" for v in row]
        if i % 17 == 3:
            cells[i % 4] = "NA"
        rows.append(";".join([*cells, COLORS[int(random.integers(4))], str(int(random.integers(3))), f"{y[i]:.5g}"]))
    _write(folder / "gaps.csv", ["a;b;c;d;color;kind;price", *rows])

    two = y + 2 * random.normal(size=ROWS) > np.median(y)
    three = np.digitize(y + 2 * random.normal(size=ROWS), np.quantile(y, [0.4, 0.7]))
    for name, labels in (
        ("two.csv", np.where(two, "yes", "no")),
        ("three.csv", np.array(["low", "mid", "high"])[three]),
    ):
        lines = [",".join([*(f"{v:.6g}" for v in row), str(k)]) for row, k in zip(x, labels, strict=True)]
        _write(folder / name, ["a,b,c,d,class", *lines])


def _images(folder: Path) -> None:
    """Gray and color photographs of sorts, pairs, class folders, 16 bits, transparency, a kernel and a mask."""
    for number in range(12):
        _save(folder / "gray" / f"{number:02}.png", _scene(number, 48, 40)[..., 0])
    for number in range(6):
        _save(folder / "color" / "inner" / f"c{number}.png", _scene(50 + number, 40, 40))
    for number in range(10):
        clean = _scene(80 + number, 32, 32)[..., 0]
        noise = np.random.default_rng(number).normal(0, 20, clean.shape)
        _save(folder / "clean" / f"{number}.png", clean)
        _save(folder / "noisy" / f"{number}.png", (clean + noise).clip(0, 255).astype(np.uint8))
    y, x = np.mgrid[:12, :12]
    shapes = {"disc": (x - 6) ** 2 + (y - 6) ** 2 < 16, "bar": abs(x - 6) < 2, "frame": (x < 2) | (y < 2)}
    for seed, (name, shape) in enumerate(shapes.items()):
        for number in range(16):
            noise = np.random.default_rng(100 * seed + number).normal(0, 40, shape.shape)
            _save(
                folder / "shapes" / name / f"{number:02}.png", (shape * 160 + 40 + noise).clip(0, 255).astype(np.uint8)
            )
    (folder / "apply").mkdir()
    Image.fromarray(_scene(7, 40, 56)[..., 0].astype(np.uint16) * 257).save(folder / "apply" / "deep.png")
    np.save(folder / "apply" / "float.npy", (_scene(8, 30, 34)[..., 0] / 255).astype(np.float32))
    veiled = np.dstack([_scene(9, 36, 36), np.full((36, 36), 200, np.uint8)])
    Image.fromarray(veiled).save(folder / "apply" / "veiled.png")
    Image.fromarray(_scene(10, 33, 47)).save(folder / "apply" / "odd.png")
    kernel = np.outer([1, 2, 3, 2, 1], [1, 1, 2, 1, 1]).astype(np.float64)
    np.save(folder / "kernel.npy", kernel)
    np.savez(folder / "kernels.npz", first=kernel, second=kernel.T + 1)
    holes = np.random.default_rng(5).random((48, 40)) < 0.3
    _save(folder / "mask.png", (holes * 255).astype(np.uint8))


def _scene(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    """Smooth waves with an edge and some texture, (height, width, 3) bytes."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 48
    waves = np.dstack([np.sin(random.uniform(3, 12) * x + seed) * np.cos(random.uniform(3, 9) * y) for _ in range(3)])
    edge = (x + random.uniform(-1, 1) * y > 0.5)[..., None] * 60
    pixels: NDArray[np.uint8] = (
        (110 + 60 * waves + edge + random.normal(0, 4, waves.shape)).clip(0, 255).astype(np.uint8)
    )
    return pixels


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
