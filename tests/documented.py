"""The documents' command lines, and small files under the names that they use."""

import gzip
import re
import shlex
import struct
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WINE = (
    "fixed_acidity", "volatile_acidity", "citric_acid", "residual_sugar", "chlorides", "free_so2", "total_so2",
    "density", "pH", "sulphates", "alcohol",
)  # fmt: skip
TABLES = ROOT.parent / "shared" / "data" / "tables"


@dataclass
class Command:
    """One command line of a document, and the output that the document shows below it."""

    line: str
    shown: list[str] = field(default_factory=list)

    @property
    def words(self) -> list[str]:
        """The words of its part that is dlcli's own; empty where it is another program."""
        for part in self._parts():
            if part[:1] == ["dlcli"]:
                return part[1:]
        return []

    @property
    def reader(self) -> list[str]:
        """The words of the program that its output is piped into."""
        parts = self._parts()
        return parts[-1] if len(parts) > 1 and parts[-1][0] != "dlcli" else []

    @property
    def source(self) -> list[str]:
        """The words of the program whose output is piped into it."""
        parts = self._parts()
        return parts[0] if len(parts) > 1 and parts[0][0] != "dlcli" else []

    def _parts(self) -> list[list[str]]:
        words = shlex.split(self.line, comments=True)
        parts: list[list[str]] = [[]]
        for word in words:
            if word == "|":
                parts.append([])
            else:
                parts[-1].append(word)
        return parts


@dataclass
class Block:
    """Commands that run one after the other in one folder: a session that is shown, or one line of a list."""

    document: Path
    line: int
    commands: list[Command]

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"


def fenced(document: Path, *languages: str) -> list[tuple[int, str, str]]:
    """Line number, language and text of each fenced block in one of the languages."""
    text = document.read_text()
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", text, re.M | re.S)
    return [(text.count("\n", 0, m.start()) + 1, m[1], m[2]) for m in found if m[1] in languages]


def blocks() -> list[Block]:
    """All commands of the documents, but for scripts."""
    found = []
    for document in DOCUMENTS:
        for start, language, text in fenced(document, "sh", "console"):
            if text.startswith("#!"):
                continue
            for number, line in enumerate(text.splitlines(), start + 1):
                if language == "sh":
                    found.append(Block(document, number, [Command(line)]))
                elif number == start + 1:
                    found.append(Block(document, number, [Command(line.removeprefix("$ "))]))
                elif line.startswith("$ "):
                    found[-1].commands.append(Command(line[2:]))
                else:
                    found[-1].commands[-1].shown.append(line)
    return found


def make_files(folder: Path) -> None:
    """Small files under the names that the documents use."""
    _tables(folder)
    for name, side in (("photos", 48), ("clean", 32), ("scans", 32), ("noisy", 64)):
        (folder / name).mkdir()
        for number in range(10):
            coarse = np.random.default_rng(number).integers(0, 256, (6, 6), dtype=np.uint8)
            image = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
            if name == "noisy":
                noise = 20 * np.random.default_rng(number).standard_normal((side, side))
                image = Image.fromarray(np.clip(np.rint(np.asarray(image) + noise), 0, 255).astype(np.uint8))
            image.save(folder / name / f"{number}.png")
    image.resize((96, 96)).save(folder / "photo.png")
    frames = [
        Image.fromarray(np.random.default_rng(n).poisson(np.full((64, 64), 20.0)).astype(np.uint16)) for n in range(8)
    ]
    frames[0].save(folder / "stack.tif", save_all=True, append_images=frames[1:])
    (folder / "mnist").mkdir()
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 20)):
        digits, labels = rng.integers(0, 256, (count, 28, 28), dtype=np.uint8), np.arange(count, dtype=np.uint8) % 10
        header = struct.pack(">4B3I", 0, 0, 8, 3, count, 28, 28)
        (folder / "mnist" / f"{part}-images-idx3-ubyte").write_bytes(header + digits.tobytes())
        header = struct.pack(">4BI", 0, 0, 8, 1, count)
        (folder / "mnist" / f"{part}-labels-idx1-ubyte").write_bytes(header + labels.tobytes())
    settings = [text for d in DOCUMENTS for _, _, text in fenced(d, "toml") if text.startswith("# settings.toml")]
    (folder / "settings.toml").write_text(settings[0])


def _tables(folder: Path) -> None:
    """The real wine and penguins where they are, else tables like them; and others."""
    rng = np.random.default_rng(0)
    wine = pl.DataFrame({name: rng.normal(size=160) for name in WINE})
    wine = wine.with_columns(quality=5 + pl.col("alcohol") + pl.Series(rng.normal(size=160)) / 2)
    wine.write_csv(folder / "new.csv")
    species = np.array(["Adelie", "Chinstrap", "Gentoo"])[np.arange(150) % 3]
    flowers = pl.DataFrame({"sepal": rng.normal(size=150), "petal": rng.normal(size=150), "species": species})
    flowers.write_csv(folder / "iris.csv")
    penguins = flowers.with_columns(pl.when(pl.col("sepal") > 2).then(None).otherwise(pl.col("sepal")).alias("sepal"))
    if TABLES.is_dir():
        wine = pl.read_csv(TABLES / "wine_red_semicolon.csv", separator=";", infer_schema_length=None)
        wine.columns = [*WINE, "quality"]
        penguins = pl.read_csv(TABLES / "penguins.csv")
    wine.write_csv(folder / "wine.csv")
    penguins.write_csv(folder / "penguins.csv")
    for name, year in (("sales.csv", 2024), ("sales-2025.csv", 2025)):
        dates = [f"{year - i % 2}-{i % 12 + 1:02}-{i % 28 + 1:02}" for i in range(120)]
        shops, area = np.array([*"abcdefg", "north"])[rng.integers(0, 8, 120)], rng.normal(size=120)
        price = 3 * area + rng.normal(size=120)
        pl.DataFrame({"date": dates, "shop": shops, "area": area, "price": price}).write_csv(folder / name)
    for number in (1, 2):
        x = rng.normal(size=(100, 2))
        part = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x.sum(axis=1) + rng.normal(size=100)})
        part.write_parquet(folder / f"part-{number}.parquet")
    lines = "".join(f"{rng.random()},{rng.random()},{'' if n % 9 else rng.random()}\n" for n in range(200))
    (folder / "logs.csv.gz").write_bytes(gzip.compress(b"load,size,ms\n" + lines.encode()))
