"""Every command where the terminal, or the whole system, has no Unicode, with names that need it."""

import json
import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from PIL import Image

from tests.conftest import ROOT

ROWS = "größe,couleur 価,y\n" + "".join(f"{i % 13},{'rv'[i % 2]}é,{3 * (i % 13) + i % 3}\n" for i in range(60))
SMALL = "--steps 2 --batch-size 2 --filters 4 --crop 16 --device cpu --plots none"
# Of one name in UTF-8, one that isn't.
TABLES = """
set -e
$D fit-linear 価.csv --target größe --plots none --out $'r\\xe9'
$D eval $'r\\xe9'
$D eval $'r\\xe9' 価.csv --json > e.json
$D predict $'r\\xe9' $'t\\xe9.csv' --keep 'couleur 価' --out p価.csv
$D tune-lr --lr 0.1,0.5 --plots none --out s価 fit-linear $'t\\xe9.csv' --target größe
$D fit-linear --config s価/best.toml --plots none --out b価
! $D fit-linear 価.csv --target grösse
"""
IMAGES = f"""
$D train-deconv $'im\\xe9' {SMALL} --out d価
$D eval d価
$D predict d価 $'im\\xe9' --out o価
"""
WITHOUT_UTF8 = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.thinned(1)
@pytest.mark.parametrize(
    ("env", "script"),
    [({"PYTHONIOENCODING": "cp1252"}, TABLES), (WITHOUT_UTF8, TABLES + IMAGES)],
    ids=["terminal", "system"],
)
def test_every_command(tmp_path, env, script):
    for name in ("価.csv", os.fsdecode(b"t\xe9.csv")):
        (tmp_path / name).write_text(ROWS, encoding="utf-8")
    images = tmp_path / os.fsdecode(b"im\xe9")
    images.mkdir()
    for n in range(3):
        values = np.random.default_rng(n).integers(0, 256, (20, 20), dtype=np.uint8)
        Image.fromarray(values).save(images / os.fsdecode(b"p\xe9%d.png" % n))
    done = subprocess.run(
        ["bash", "-c", f"D='{sys.executable} -m dlcli'\n{script}"], cwd=tmp_path, capture_output=True, check=False,
        env={k: v for k, v in os.environ.items() if k not in ("LANG", "LC_ALL")} | {"PYTHONPATH": str(ROOT), **env},
    )  # fmt: skip
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said
    for word in ("defect", "Traceback", "Unicode"):
        assert word not in said
    assert "did you mean --target" in said
    assert json.loads((tmp_path / "e.json").read_bytes().decode("ascii"))["target"] == "größe"
    made = pl.read_csv(tmp_path / "p価.csv")
    assert made.columns == ["couleur 価", "prediction"]
    assert made["couleur 価"][0] == "ré"
    assert script is TABLES or len(os.listdir(tmp_path / "o価")) == 3
