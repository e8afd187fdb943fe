"""Predictions of tables: as many lines as rows, whatever is missing."""

import csv

from dlcli.config.evaluate import PredictConfig
from dlcli.config.fit_linear import FitLinearConfig
from dlcli.tasks.fit_linear import fit_linear
from dlcli.tasks.predict import predict


def test_rows_with_missing_values_are_na(tmp_path):
    for name, target in (("numbers", ["1", "2", "3.5", "4"]), ("classes", ["a", "b", "a", "b"])):
        rows = [f"{x},{y}" for x, y in zip([1, 2, 3, 5], target, strict=True)] * 3
        (tmp_path / "t.csv").write_text("x,y\n" + "\n".join([*rows, f",{target[0]}"]) + "\n")
        run, out = tmp_path / name, tmp_path / f"{name}.csv"
        fit_linear(FitLinearConfig(data=(str(tmp_path / "t.csv"),), target="y", missing="drop", l2=0.1, out=run))
        (tmp_path / "new.csv").write_text("x\n4\n\n?\n2\n" if name == "classes" else "x,z\n4,0\n,0\n?,0\n2,0\n")
        report = predict(PredictConfig(run=run, data=(str(tmp_path / "new.csv"),), out=out))
        lines = out.read_text().splitlines()
        assert len(lines) == 1 + report.rows
        cells = list(csv.reader(lines))[1:]
        for row in cells[1:-1]:
            assert set(row) == {"NA"}
        for row in (cells[0], cells[-1]):
            assert "NA" not in row
