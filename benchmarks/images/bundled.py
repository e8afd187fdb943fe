"""Makes the networks that come with dlcli, and measures them.

    python benchmarks/images/bundled.py make RUN denoise-gray   # from a finished run to dlcli/runs/bundled/denoise-gray
    python benchmarks/images/bundled.py measure ../shared/data  # BSD68 and Set12 at sigma 15, 25 and 50, beside BM3D

The runs are those of COMMANDS. Weights are rounded to bfloat16, which halves the file; what that costs is in the card.
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
    "denoise-gray": "dlcli train-deconv --noise-map --sigma 0:75 --generated 4000 --depth 8 --steps 6000",
    "denoise-color": "dlcli train-deconv --noise-map --sigma 0:75 --generated 4000 --depth 8 --steps 6000 --color",
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
    print(f"{folder}: {size:,} bytes, {report['weights']:,} weights, {report['steps']} steps")


def psnr(model: str, images: Path, sigma: int) -> float:
    """Average PSNR of dlcli's eval."""
    command = [sys.executable, "-m", "dlcli", "eval", model, str(images), "--sigma", str(sigma), "--json"]
    return float(json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["metrics"]["test"]["psnr"])


def measure(data: Path) -> None:
    """The table of the card."""
    print("| sigma | BSD68 | BM3D | Set12 | BM3D |\n|---|---|---|---|---|")
    for sigma in SIGMAS:
        bsd, set12 = (psnr("bundled:denoise-gray", data / "images" / name, sigma) for name in ("bsd68", "set12"))
        print(f"| {sigma} | {bsd:.2f} | {BM3D[sigma][0]:.2f} | {set12:.2f} | {BM3D[sigma][1]:.2f} |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        blind(data, Path(folder))


def blind(data: Path, folder: Path) -> None:
    """Camera photographs whose noise nobody names, through predict: PSNR before and after."""
    import numpy as np
    from PIL import Image

    noisy, clean = data / "polyu" / "noisy", data / "polyu" / "clean"
    command = [sys.executable, "-m", "dlcli", "predict", "bundled:denoise", str(noisy), "--out", str(folder / "out")]
    subprocess.run([*command, "--format", "png", "--quiet"], check=True)
    truth = {path.stem: np.asarray(Image.open(path), float) for path in clean.iterdir()}
    for name, where in (("noisy", noisy), ("bundled:denoise", folder / "out")):
        found = []
        for path in sorted(where.iterdir()):
            difference = np.asarray(Image.open(path), float) - truth[path.stem]
            found.append(10 * np.log10(255**2 / np.mean(difference**2)))
        print(f"PolyU, {name}: {np.mean(found):.2f} dB over {len(found)} crops")


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
