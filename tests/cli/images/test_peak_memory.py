"""Memory by plan: what a process takes at most that trains, restores or measures on images of some size.

Images are held in their own type, and only bands of them are floating-point numbers; of images that are decoded when
they are asked for, few are held.
"""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.networks.examples import make_run, smooth

COMMAND = """
import sys
from pathlib import Path
from dlcli.cli.app import run
code = run()
print(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
sys.exit(code)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """24 photographs of 6 megapixels, 18 MB each in color; one of 5 megapixels as PNG; a run to restore it."""
    folder = tmp_path_factory.mktemp("large")
    image = Image.fromarray(np.ascontiguousarray(smooth(200, 300, 3))).resize((3000, 2000), Image.Resampling.NEAREST)
    (folder / "photos").mkdir()
    image.save(folder / "photos" / "0.jpg", quality=80)
    for number in range(1, 24):
        shutil.copy(folder / "photos" / "0.jpg", folder / "photos" / f"{number}.jpg")
    image.crop((0, 0, 3000, 1600)).save(folder / "one.png", compress_level=1)
    make_run(folder / "run", channels=3)
    return folder


# MiB that they may take: more than with the plan, and less than without it, which holds all photographs decoded, or
# the whole image as floating-point numbers.
COMMANDS = {
    "train-deconv": (["photos", "--memory", "0.02", "--filters", "4", "--depth", "1", "--steps", "2", "--crop", "32",
                      "--plots", "none", "--out", "trained", "--threads", "2"], 710),
    "predict": (["run", "one.png", "--out", "out.bmp", "--threads", "2"], 850),
    "eval": (["run", "one.png", "--threads", "2"], 1000),
}  # fmt: skip


@pytest.mark.thinned(2)
@pytest.mark.skipif(sys.platform != "linux", reason="the system doesn't say what a process has taken at most")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_plan_is_kept(folder, command):
    words, most = COMMANDS[command]
    started = [sys.executable, "-c", COMMAND, command, *words, "--quiet"]
    done = subprocess.run(started, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) / 1024 < most, done.stdout
