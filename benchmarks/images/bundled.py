"""Makes the networks that come with dlcli, and measures them.

    python benchmarks/images/bundled.py make RUN denoise-gray     # a finished run to dlcli/runs/bundled/denoise-gray
    python benchmarks/images/bundled.py measure ../shared/data    # noise of sigma 15, 25 and 50, beside BM3D; the cards

The runs are those of COMMANDS. Weights are rounded to bfloat16, which halves the file. Gray is measured on BSD68 and
Set12 beside BM3D's published figures; color on the middles (256 x 256) of every fifth clean crop of PolyU beside CBM3D
(`pip install bm3d`), which is told sigma as the network is. `measure` writes the cards, figures included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOX = ROOT / "dlcli" / "runs" / "bundled"
COMMANDS = {
    "denoise-gray": "dlcli train-deconv --noise-map --sigma 0:75 --generated 4000 --depth 8 --steps 4000",
    "denoise-color": "dlcli train-deconv --noise-map --sigma 0:75 --generated 4000 --depth 8 --steps 2400 --color",
}
LINEAR = "weight.linear"
MOST = 1_500_000  # bytes
SIGMAS = (15, 25, 50)
# Average PSNR of BM3D, gray, as published: (BSD68, Set12).
BM3D = {15: (31.08, 32.37), 25: (28.57, 29.97), 50: (25.60, 26.72)}


def make(run: Path, name: str) -> None:
    """Pack a run: its weights as bfloat16, its report, and a card to which ``measure`` adds figures."""
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    with safe_open(run / "model.safetensors", framework="pt") as file:
        description = json.loads(file.metadata()["dlcli"])
        # The fixed linear estimate hands through what isn't noise, flat parts above all, and stays exact.
        tensors = {
            key: file.get_tensor(key).to(torch.float32 if key == LINEAR else torch.bfloat16).contiguous()
            for key in file.keys()  # noqa: SIM118
        }
    report = json.loads((run / "report.json").read_text())
    folder = BOX / name
    folder.mkdir(parents=True, exist_ok=True)
    description["made_by"] = COMMANDS[name]
    save_file(tensors, folder / "model.safetensors", {"dlcli": json.dumps(description)})
    size = (folder / "model.safetensors").stat().st_size
    if size > MOST:
        sys.exit(f"{size:,} bytes, more than {MOST:,}")
    (folder / "config.toml").write_text((run / "config.toml").read_text())
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / "card.md").write_text("")  # until it is measured
    print(f"{folder}: {size:,} bytes, {report['weights']:,} weights, {report['steps']} steps")


def psnr(model: str, images: Path, sigma: int) -> float:
    """Average PSNR of dlcli's eval."""
    command = [sys.executable, "-m", "dlcli", "eval", model, str(images), "--sigma", str(sigma), "--json"]
    return float(json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["metrics"]["test"]["psnr"])


def measure(data: Path) -> None:
    """The tables of the cards."""
    table = ["| sigma | BSD68 | BM3D | Set12 | BM3D |", "|---|---|---|---|---|"]
    for sigma in SIGMAS:
        bsd, set12 = (psnr("bundled:denoise-gray", data / "images" / name, sigma) for name in ("bsd68", "set12"))
        table.append(f"| {sigma} | {bsd:.2f} | {BM3D[sigma][0]:.2f} | {set12:.2f} | {BM3D[sigma][1]:.2f} |")
        print(table[-1], flush=True)
    card("denoise-gray", "gray", table)
    table = ["| sigma | photographs | CBM3D |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        middles(data, Path(folder))
        for sigma in SIGMAS:
            found = psnr("bundled:denoise-color", Path(folder), sigma)
            table.append(f"| {sigma} | {found:.2f} | {cbm3d(Path(folder), sigma):.2f} |")
            print(table[-1], flush=True)
    card("denoise-color", "color", table)


def middles(data: Path, folder: Path) -> None:
    """The middle of every fifth clean crop of PolyU."""
    from PIL import Image

    for path in sorted((data / "polyu" / "clean").iterdir())[::5]:
        image = Image.open(path).convert("RGB")
        left, top = (image.width - 256) // 2, (image.height - 256) // 2
        image.crop((left, top, left + 256, top + 256)).save(folder / f"{path.stem}.png")


def cbm3d(folder: Path, sigma: int) -> float:
    """Average PSNR of CBM3D, which is told sigma."""
    import numpy as np
    from bm3d import bm3d_rgb
    from PIL import Image

    found, random = [], np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        clean = np.asarray(Image.open(path), float) / 255
        noisy = clean + sigma / 255 * random.standard_normal(clean.shape)
        found.append(10 * np.log10(1 / np.mean((np.clip(bm3d_rgb(noisy, sigma / 255), 0, 1) - clean) ** 2)))
    return float(np.mean(found))


CARD = """# {name}

Takes white Gaussian noise out of {kind} images of 8 bits; other depths are scaled to that. It is told how strong the
noise is by one more input channel, sigma 0 to 75 on the scale 0 to 255; `dlcli predict` measures sigma unless told.

- Made by: `{made_by}`
- Trained on generated images alone (dead leaves): no photograph, and so nobody's license but dlcli's own.
- {weights:,} weights, bfloat16, {size:.2f} MB; {steps:,} steps in {minutes:.0f} minutes on two CPU cores.

Average PSNR in dB, sigma told, noise neither clipped nor rounded:

{table}

Measured by `python benchmarks/images/bundled.py measure DATA`.

Limits: noise that isn't white (cameras' demosaicing and JPEG) is not what it was trained on; sigma above 75 is treated
as 75; below sigma 3 little is gained. Textures that no leaf has, fine regular ones above all, are smoothed more than
by a network trained on such images: `dlcli train-deconv DATA --init bundled:{name}` goes on from here.
"""


def card(name: str, kind: str, table: list[str]) -> None:
    """Write the card of a network that has been measured."""
    folder = BOX / name
    report = json.loads((folder / "report.json").read_text())
    text = CARD.format(
        name=name, kind=kind, made_by=COMMANDS[name], weights=report["weights"], steps=report["steps"],
        size=(folder / "model.safetensors").stat().st_size / 1e6, minutes=report["seconds"] / 60,
        table="\n".join(table),
    )  # fmt: skip
    (folder / "card.md").write_text(text)


def main() -> None:
    """Make or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["make", "measure"])
    parser.add_argument("path", type=Path)
    parser.add_argument("name", nargs="?", choices=sorted(COMMANDS))
    given = parser.parse_args()
    if given.what == "make":
        make(given.path, given.name)
    else:
        measure(given.path)


if __name__ == "__main__":
    main()
