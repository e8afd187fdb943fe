"""The trainings that are killed: tiny ones, each with a state that a run taken up again must have back."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

DENOISE = ("photos", "--val", "0.25")
TINY = ("--filters", "8", "--depth", "1", "--crop", "16", "--batch-size", "4")
# --amp off and one thread: the same bits on every processor, whatever else it does.
EXACT = ("--device", "cpu", "--threads", "1", "--amp", "off", "--quiet")
REPORTS = ("--steps", "10", "--report-every", "2")
EPOCHS = ("--epochs", "5", "--report-every", "2")
EACH_STEP = ("--steps", "8", "--report-every", "1")
# A rate at which the validation loss soon rises, so that early stopping has something to stop.
ROUGH = ("--optimizer", "sgd", "--lr", "0.3", "--early-stop", "2")


@dataclass(frozen=True)
class Variant:
    """One training; ``first`` is one that the directory holds already, which --force writes over."""

    name: str
    options: tuple[str, ...]
    data: tuple[str, ...] = DENOISE
    shape: tuple[str, ...] = TINY
    limit: tuple[str, ...] = REPORTS
    first: tuple[str, ...] = ()

    def arguments(self, seed: int) -> list[str]:
        """Those of ``dlcli`` for the uninterrupted run."""
        force = ("--force",) if self.first else ()
        end = ("--seed", str(seed), "--out", "run", *force)
        return ["train-deconv", *self.data, *self.shape, *EXACT, *self.limit, *self.options, *end]

    def arguments_of_first(self, seed: int) -> list[str]:
        """Those of the run that is there before."""
        end = ("--seed", str(seed + 1), "--out", "run")
        return ["train-deconv", *self.data, *self.shape, *EXACT, *self.first, *end]


def _classes(name: str, *options: str, limit: tuple[str, ...] = REPORTS) -> Variant:
    return Variant(name, ("--task", "classify", *options), ("classes", "--val", "0.25"), limit=limit)


VARIANTS = (
    Variant("muon", ()),
    Variant("adam", ("--optimizer", "adam")),
    Variant("adamw", ("--optimizer", "adamw", "--l2", "0.01")),
    Variant("sgd", ("--optimizer", "sgd", "--momentum", "0.9")),
    Variant("dropout", ("--dropout", "0.3")),
    Variant("ema", ("--ema", "0.9")),
    Variant("ema by epochs", ("--ema", "0.95"), limit=EPOCHS),
    Variant("epochs", (), limit=EPOCHS),
    Variant("plateau", ("--schedule", "plateau", "--plateau-patience", "1", "--lr", "0.05"), limit=EACH_STEP),
    Variant("early stop", ROUGH, limit=EACH_STEP),
    Variant("early stop, ema, epochs", (*ROUGH, "--ema", "0.5"), limit=("--epochs", "6", "--report-every", "1")),
    Variant("amp", ("--amp", "on")),
    _classes("classes"),
    _classes("classes, early stop", *ROUGH, "--ema", "0", limit=EACH_STEP),
    Variant("pairs", ("--task", "pairs"), ("scans", "photos", "--val", "0.25")),
    Variant("deblur", ("--task", "deblur", "--blur", "motion:5:30")),
    Variant("upscale", ("--task", "upscale", "--scale", "3")),
    Variant("inpaint", ("--task", "inpaint")),
    Variant("dejpeg", ("--task", "dejpeg")),
    Variant("reconstruct", ("--task", "reconstruct"), shape=("--filters", "4,4", "--batch-size", "4")),
    Variant("streams", ("--memory", "0.00001")),
    Variant("blind", ("--sigma", "0:55")),
    Variant("poisson", ("--poisson", "20")),
    Variant("no validation", (), ("photos", "--val", "0")),
    Variant("article", ("--arch", "article"), shape=("--filters", "4,4", "--crop", "16", "--batch-size", "4")),
    Variant("rednet", ("--arch", "rednet"), shape=("--filters", "4,4,4", "--crop", "16", "--batch-size", "4")),
    Variant("cosine, l1, clip, warm-up", ("--schedule", "cosine", "--l1", "0.001", "--clip", "0.1", "--warmup", "5")),
    Variant("adagrad", ("--schedule", "adagrad")),
    Variant("hypergradient", ("--schedule", "hypergradient", "--optimizer", "adam")),
    Variant("polyak", ("--schedule", "polyak", "--optimizer", "sgd")),
    Variant("barzilai-borwein", ("--schedule", "barzilai-borwein", "--optimizer", "sgd")),
    Variant("diverging", ("--optimizer", "sgd", "--lr", "1e6"), limit=("--steps", "60", "--report-every", "4")),
    Variant("over another run", ("--ema", "0.9"), first=("--steps", "4", "--report-every", "2", "--ema", "0.9")),
)  # fmt: skip


def make_images(folder: Path) -> None:
    """Twelve images, degraded copies of them, and three classes: smooth, so that there is something to learn."""
    from PIL import Image

    random = np.random.default_rng(0)
    for name in ("photos", "scans", "classes/a", "classes/b", "classes/c"):
        (folder / name).mkdir(parents=True)
    for number in range(12):
        coarse = random.integers(0, 256, (4, 4), dtype=np.uint8)
        image = Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC)
        image.save(folder / "photos" / f"{number:02}.png")
        noisy = np.asarray(image, float) + random.normal(0, 20, (32, 32))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(folder / "scans" / f"{number:02}.png")
    for place, name in enumerate("abc"):
        for number in range(6):
            stripes = np.arange(16) * (place + 1) // 3 % 2 * 200
            pixels = np.tile(stripes, (16, 1)) + random.integers(0, 55, (16, 16))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "classes" / name / f"{number}.png")
