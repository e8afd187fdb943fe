"""Correct digits on NIST's certified regressions: dlcli beside scikit-learn and NumPy.

python benchmarks/nist.py FOLDER, where FOLDER has NAME.csv (response y first) and certified.json. Prints, for the worst
coefficient of each set, -log10 of the relative error, at most 15.
"""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LinearRegression


def digits(found: float, certified: float) -> float:
    """Correct digits, 0 to 15."""
    if found == certified:
        return 15.0
    return max(0.0, min(15.0, -math.log10(abs(found - certified) / abs(certified))))


def dlcli(file: Path, intercept: bool, optimizer: str) -> dict[str, float]:
    """Coefficients by name from the command's report."""
    command = [sys.executable, "-m", "dlcli", "fit-linear", str(file), "--target", "y", "--optimizer", optimizer]
    command += ["--json", "-q", "--force", "--out", f"/tmp/dlcli-nist-{file.stem}"] + ["--no-intercept"] * (
        not intercept
    )
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {k: v["value"] for k, v in json.loads(done.stdout)["coefficients"].items()}


def peers(file: Path, intercept: bool, names: list[str]) -> dict[str, dict[str, float]]:
    """Coefficients by name from scikit-learn's default and numpy.linalg.lstsq."""
    table = np.loadtxt(file, delimiter=",", skiprows=1)
    X, y = table[:, 1:], table[:, 0]
    model = LinearRegression(fit_intercept=intercept).fit(X, y)
    fitted = [model.intercept_, *model.coef_] if intercept else list(model.coef_)
    Z = np.column_stack([np.ones(len(y)), X]) if intercept else X
    solved = np.linalg.lstsq(Z, y)[0]
    return {"scikit-learn": dict(zip(names, fitted, strict=True)), "numpy lstsq": dict(zip(names, solved, strict=True))}


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1])
    rows = []
    for name, wanted in json.loads((folder / "certified.json").read_text()).items():
        file, values = folder / f"{name}.csv", wanted["coefficients"]
        found = {
            "dlcli exact": dlcli(file, wanted["intercept"], "exact"),
            "dlcli gd": dlcli(file, wanted["intercept"], "gd"),
            **peers(file, wanted["intercept"], list(values)),
        }
        worst = {k: min(digits(v[c], values[c]["value"]) for c in values) for k, v in found.items()}
        rows.append((name, worst))
    print("| | " + " | ".join(rows[0][1]) + " |\n|---" * 1 + "|---" * len(rows[0][1]) + "|")
    for name, worst in rows:
        print(f"| {name} | " + " | ".join(f"{v:.1f}" for v in worst.values()) + " |")


if __name__ == "__main__":
    main()
