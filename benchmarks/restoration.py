"""What networks reach in a given time, beside published figures and classical methods, through the command line.

    python benchmarks/restoration.py DATA --section denoise --minutes 2 --seeds 0,1,2
    python benchmarks/restoration.py DATA --section tasks --minutes 5
    python benchmarks/restoration.py DATA --section classes --minutes 5 --seeds 0,1,2
    python benchmarks/restoration.py DATA --section color --minutes 2
    python benchmarks/restoration.py DATA --section dejpeg --minutes 10 --quality 10:90
    python benchmarks/restoration.py DATA --section classes --minutes 10 --cifar CIFAR10

DATA has the folders images/train400, images/set12, images/bsd68, images/classic5, mnist, polyu/clean and
kernels/levin09.npz. Color is trained on the photographs of four scenes out of five and measured on the others, beside
CBM3D (`pip install bm3d`).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean, stdev

import numpy as np
from PIL import Image

# Average PSNR, gray, sigma 25, as published: (BSD68, Set12).
PUBLISHED = {
    "noisy": (20.17, 20.17), "BM3D": (28.57, 29.97), "WNNM": (28.83, 30.28), "TNRD": (28.92, 30.06),
    "DnCNN-S": (29.23, 30.44), "FFDNet": (29.19, 30.43), "DRUNet": (29.48, 30.94),
}  # fmt: skip
LEAKED = "04"  # of Set12: shares 29% of its pixels with a training image
PAIRS_SIGMA = SIGMA = 25


def dlcli(*args: object) -> dict:
    """Run the command with --json and return its report."""
    command = [sys.executable, "-m", "dlcli", *map(str, args), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def figure(values: list[float]) -> str:
    """Mean and spread."""
    return f"{mean(values):.2f}" + (f" ± {stdev(values):.2f}" if len(values) > 1 else "")


def denoise(data: Path, minutes: float, seeds: list[int], work: Path) -> None:
    """Sigma 25 on BSD68 and Set12, by the published protocol."""
    images = data / "images"
    found: dict[str, list[float]] = {"bsd68": [], "set12": [], "set12 without 04": []}
    for seed in seeds:
        run = work / f"denoise-{seed}"
        made = dlcli("train-deconv", images / "train400", "--minutes", minutes, "--seed", seed, "--out", run)
        bsd = dlcli("eval", run, images / "bsd68")["metrics"]["test"]["psnr"]
        report = dlcli("eval", run, images / "set12")
        each = [i["psnr"] for i in report["per_image"] if Path(i["name"]).stem != LEAKED]
        row = (bsd, report["metrics"]["test"]["psnr"], mean(each))
        for name, value in zip(found, row, strict=True):
            found[name].append(value)
        print(f"seed {seed}: {made['steps']} steps, BSD68 {row[0]:.3f}, Set12 {row[1]:.3f}, without 04 {row[2]:.3f}",
              flush=True)  # fmt: skip
    print(f"\n| sigma 25 | BSD68 | Set12 | Set12 without {LEAKED} |\n|---|---|---|---|")
    for name, (bsd, set12) in PUBLISHED.items():
        print(f"| {name} | {bsd} | {set12} | |")
    print(f"| **dlcli, {minutes:g} minutes** | " + " | ".join(figure(v) for v in found.values()) + " |")


def make_pairs(data: Path, work: Path) -> list[Path]:
    """Folders of noisy 8-bit images beside clean ones, for training and for testing."""
    folders = []
    for name in ("train400", "set12"):
        noisy = work / f"noisy-{name}"
        noisy.mkdir(exist_ok=True)
        for number, path in enumerate(sorted((data / "images" / name).glob("*.png"))):
            pixels = np.asarray(Image.open(path).convert("L"), dtype=np.float64)
            noise = np.random.default_rng(number).normal(0, PAIRS_SIGMA, pixels.shape)
            Image.fromarray(np.clip(np.round(pixels + noise), 0, 255).astype(np.uint8)).save(noisy / path.name)
        folders += [noisy, data / "images" / name]
    return folders


def tasks(data: Path, minutes: float, seeds: list[int], work: Path, only: str = "") -> None:
    """Deblur, upscale, inpaint and pairs on Set12, beside the classical methods."""
    train, test = data / "images" / "train400", data / "images" / "set12"
    noisy_train, clean_train, noisy_test, clean_test = make_pairs(data, work)
    chosen: dict[str, tuple[list[object], list[object], list[object]]] = {
        "deblur, Levin's kernels": ([train], ["--task", "deblur", "--blur", data / "kernels" / "levin09.npz"], [test]),
        "upscale x2": ([train], ["--task", "upscale", "--scale", 2], [test]),
        "inpaint, half missing": ([train], ["--task", "inpaint"], [test]),
        "pairs, noise 25 in 8 bits": ([noisy_train, clean_train], ["--task", "pairs"], [noisy_test, clean_test]),
    }
    print("| Set12, PSNR | input | classical methods | dlcli | gain over the best |\n|---|---|---|---|---|", flush=True)
    for name, (given, options, measured) in chosen.items():
        if only and not name.startswith(only):
            continue
        run = work / name.split(",")[0].replace(" ", "-")
        dlcli("train-deconv", *given, *options, "--minutes", minutes, "--seed", seeds[0], "--out", run)
        report = dlcli("eval", run, *measured, "--compare")
        metrics = report["metrics"]["test"]
        others = {k: v["psnr"] for k, v in report["compare"].items()}
        best = max(others.values())
        listed = ", ".join(f"{k} {v:.2f}" for k, v in others.items())
        print(f"| {name} | {metrics['input_psnr']:.2f} | {listed} | **{metrics['psnr']:.2f}** | "
              f"{metrics['psnr'] - best:+.2f} |", flush=True)  # fmt: skip


# Average PSNR of Classic5 at qualities 10, 20, 30 and 40, as published.
PUBLISHED_JPEG = {
    "JPEG": (27.82, 30.12, 31.48, 32.43), "AR-CNN": (29.03, 31.15, 32.51, 33.34),
    "DnCNN-3": (29.40, 31.63, 32.91, 33.77),
}  # fmt: skip


def dejpeg(data: Path, minutes: float, seeds: list[int], work: Path, quality: str = "10:90") -> None:
    """Artifacts of JPEG on Classic5, one network for all qualities of the range."""
    images, measured = data / "images", (10, 20, 30, 40)
    found: list[list[float]] = []
    for seed in seeds:
        run = work / f"dejpeg-{seed}"
        made = dlcli("train-deconv", images / "train400", "--task", "dejpeg", "--quality", quality,
                     "--minutes", minutes, "--seed", seed, "--out", run)  # fmt: skip
        reports = [dlcli("eval", run, images / "classic5", "--quality", q)["metrics"]["test"] for q in measured]
        found.append([report["psnr"] for report in reports])
        both = ", ".join(f"{r['psnr']:.2f} ({r['input_psnr']:.2f})" for r in reports)
        print(f"seed {seed}: {made['steps']} steps, {both}", flush=True)
    print("\n| Classic5, quality | " + " | ".join(map(str, measured)) + " |\n|---|---|---|---|---|")
    for name, row in PUBLISHED_JPEG.items():
        print(f"| {name} | " + " | ".join(f"{value:.2f}" for value in row) + " |")
    mine = " | ".join(figure(list(values)) for values in zip(*found, strict=True))
    print(f"| **dlcli, {quality}, {minutes:g} minutes** | {mine} |")


def plain_loop(run: Path, data: Path, minutes: float, seed: int) -> tuple[int, float]:
    """Steps and test accuracy of the network of ``run`` in the loop that everybody writes: Adam, no augmentation."""
    import time

    import torch
    from torch.nn import functional as F

    from dlcli.images.image_set import open_image_set
    from dlcli.images.normalization import EIGHT_BIT
    from dlcli.networks.data.squares import same_size
    from dlcli.networks.model.deconv import DeconvNet
    from dlcli.networks.model.saved import SavedNetwork

    spec = SavedNetwork.load(run / "model.safetensors").spec
    parts = [data / "train", data / "test"] if (data / "train").is_dir() else [data, data]
    tensors = []
    for path, part in zip(parts, ("train", "test"), strict=True):
        images = same_size(
            open_image_set([str(path)], channels=spec.input_channels, labeled=True, part=part),
            spec.head.side,
            EIGHT_BIT,
        )
        pixels = np.stack([images.pixels(i) for i in range(len(images))]).transpose(0, 3, 1, 2)
        tensors += [torch.from_numpy(np.ascontiguousarray(pixels)), torch.from_numpy(images.labels)]
    x, y, test, truth = tensors
    torch.manual_seed(seed)
    network = DeconvNet(spec).to(memory_format=torch.channels_last)
    optimizer, begin, step = torch.optim.Adam(network.parameters(), 2e-3), time.monotonic(), 0
    while (left := 1 - (time.monotonic() - begin) / (60 * minutes)) > 0:
        chosen = torch.randint(len(x), (128,))
        optimizer.param_groups[0]["lr"] = 2e-3 * left
        with torch.autocast("cpu", torch.bfloat16):
            loss = F.cross_entropy(network(x[chosen].float() / 255).float(), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    network.eval()
    with torch.inference_mode():
        found = torch.cat([network(part.float() / 255).argmax(1) for part in test.split(500)])
    return step, 100 * float((found == truth).float().mean())


def classes(data: Path, minutes: float, seeds: list[int], work: Path, cifar: Path | None = None) -> None:
    """Test accuracy of MNIST, or of CIFAR-10 as class folders in train/ and test/, beside a plain loop."""
    folder = cifar or data / "mnist"
    train, test = (folder / "train", folder / "test") if (folder / "train").is_dir() else (folder, folder)
    ours, theirs = [], []
    for seed in seeds:
        run = work / f"classes-{seed}"
        made = dlcli("train-deconv", train, "--task", "classify", "--minutes", minutes, "--seed", seed, "--out", run)
        ours.append(100 * dlcli("eval", run, test)["metrics"]["test"]["accuracy"])
        steps, accuracy = plain_loop(run, folder, minutes, seed)
        theirs.append(accuracy)
        print(f"seed {seed}: {made['steps']} steps, {ours[-1]:.2f}%; plain loop {steps} steps, {accuracy:.2f}%",
              flush=True)  # fmt: skip
    print(f"\n{folder.name}, {minutes:g} minutes: {figure(ours)}% of the test images; plain loop {figure(theirs)}%")


def color(data: Path, minutes: float, seeds: list[int], work: Path) -> None:
    """Sigma 25 on color photographs of scenes that were not trained on."""
    files = sorted((data / "polyu" / "clean").iterdir())
    scenes = sorted({file.stem.rpartition("_")[0] for file in files})
    held_out = [file for file in files if file.stem.rpartition("_")[0] in scenes[2::5]]
    for name, chosen in (("train", [file for file in files if file not in held_out]), ("test", held_out)):
        (work / name).mkdir()
        for file in chosen:
            (work / name / file.name).symlink_to(file)
    print(
        f"{len(files) - len(held_out)} photographs to train on, {len(held_out)} of other scenes to measure", flush=True
    )
    found = []
    for seed in seeds:
        run = work / f"color-{seed}"
        made = dlcli("train-deconv", work / "train", "--color", "--minutes", minutes, "--seed", seed, "--out", run)
        found.append(dlcli("eval", run, work / "test")["metrics"]["test"]["psnr"])
        print(f"seed {seed}: {made['steps']} steps, {found[-1]:.2f} dB", flush=True)
    print(f"\n{minutes:g} minutes: {figure(found)} dB; CBM3D {cbm3d(held_out)}")


def cbm3d(files: list[Path]) -> str:
    """PSNR of CBM3D at sigma 25, or why it isn't there."""
    try:
        from bm3d import bm3d_rgb
    except ImportError:
        return "is not installed"
    found = []
    for number, file in enumerate(files):
        clean = np.asarray(Image.open(file).convert("RGB")) / 255
        noisy = clean + np.random.default_rng(number).normal(0, SIGMA / 255, clean.shape)
        error = np.clip(bm3d_rgb(noisy, SIGMA / 255), 0, 1) - clean
        found.append(float(-10 * np.log10(np.mean(error**2))))
    return f"{mean(found):.2f} dB"


SECTIONS = {"color": color, "dejpeg": dejpeg, "denoise": denoise, "tasks": tasks, "classes": classes}


def main() -> None:
    """Run one section."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--section", choices=SECTIONS, default="denoise")
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", default="", help="of the tasks, the one whose name begins with this")
    parser.add_argument("--cifar", type=Path, help="of the classes, CIFAR-10 as class folders in train/ and test/")
    parser.add_argument("--quality", default="", help="of dejpeg: LOW:HIGH, or one number; by default 10:90")
    parser.add_argument("--work", type=Path, help="keep the runs here")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = args.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        given = {"only": args.only, "quality": args.quality, "cifar": args.cifar and args.cifar.resolve()}
        extra = {name: value for name, value in given.items() if value}
        seeds = [int(seed) for seed in args.seeds.split(",")]
        SECTIONS[args.section](args.data.resolve(), args.minutes, seeds, work, **extra)


if __name__ == "__main__":
    main()
