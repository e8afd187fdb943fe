"""Clients' files, and what an exported app is made of, for tests."""

import importlib.util
import sys
from pathlib import Path

import numpy as np

TABLE = ("a", "b", "color", "y", "k")


def write_clients(folder: Path) -> list[Path]:
    """Two files; the second lacks blue, which is the reference level."""
    rng, files = np.random.default_rng(0), []
    for name, rows, colors in (("a.csv", 70, ("blue", "green", "red")), ("b.csv", 50, ("green", "red"))):
        lines = [",".join(TABLE)]
        for _ in range(rows):
            a, b, color = rng.normal() * 3, 40 + rng.normal(), rng.choice(colors)
            score = a - (b - 40) + (color == "red")
            lines.append(f"{a},{b},{color},{score + rng.normal()},{'yes' if score + rng.logistic() > 0 else 'no'}")
        files.append(folder / name)
        files[-1].write_text("\n".join(lines) + "\n")
    return files


def loaded(path: Path):
    """A module of an app, which is no package of ours."""
    spec = importlib.util.spec_from_file_location(f"exported_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
