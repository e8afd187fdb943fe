"""The loss curve of a fit: log-spaced steps before the first report, as the reports would have had them."""

import json
from itertools import pairwise

import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.engine.log_steps import LOG_SPACED, log_spaced
from dlcli.linear import report as linear_report
from dlcli.tasks.fit_linear import fit_linear


def test_steps_are_evenly_spaced_on_a_log_axis():
    steps = log_spaced(1000)
    assert steps[:8] == [0, 1, 2, 3, 5, 8, 12, 20]
    assert all(1.4 < b / a < 1.8 for a, b in pairwise(steps[3:]))
    assert steps[-1] < 1000
    assert set(steps) <= LOG_SPACED
    assert [log_spaced(last) for last in (0, 1, 2, 3, 4)] == [[0], [0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]


@pytest.fixture
def curve_of(tmp_path, monkeypatch):
    """The curve of a fit, and the losses that the same fit reports when it reports every step."""
    classes = ["yes" if (i * i) % 11 > 4 else "no" for i in range(60)]
    rows = [f"{i % 7},{i % 5 + i / 60},{classes[i]},{3 * (i % 7) + i % 3}" for i in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,c,y", *rows]) + "\n")
    seen = []
    monkeypatch.setattr(linear_report, "draw", lambda curve, **options: seen.append(curve) or 1 / 0)

    def run(**options):
        settings = {"data": (str(tmp_path / "t.csv"),), "steps": 300, "force": True, "out": tmp_path / "o"} | options
        with pytest.raises(ZeroDivisionError):
            fit_linear(FitLinearConfig(**settings))
        fit_linear(FitLinearConfig(**settings | {"report_every": 1, "plots": "none"}))
        return seen.pop(), [json.loads(line) for line in (tmp_path / "o/metrics.jsonl").read_text().splitlines()]

    return run


@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": 0.9}, {"schedule": "cosine", "momentum": 0.5}, {"schedule": "barzilai-borwein"}, {"l1": 0.1},
     {"schedule": "adagrad"}, {"val": 0.3}, {"l2": 0.1, "val": 0.3}],
)  # fmt: skip
def test_a_curve_of_least_squares_has_the_losses_of_every_step(options, curve_of):
    curve, reports = curve_of(target="y", drop=("c",), tolerance=0, **options)
    assert set(log_spaced(100)) <= set(curve.training)
    known = {report["step"]: report for report in reports}
    for step, loss in curve.training.items():
        assert loss == pytest.approx(known[step]["loss"], rel=1e-9)
    for step, loss in curve.validation.items():
        assert loss == pytest.approx(known[step]["val_loss"], rel=1e-9)
    assert set(log_spaced(100)) <= set(curve.validation) or "val" not in options or "l1" in options
    assert bool(curve.validation) == ("val" in options)


@pytest.mark.parametrize("optimizer", ["gd", "newton", "lbfgs", "sgd"])
def test_a_curve_of_classes_has_losses_where_the_solver_knows_them(optimizer, curve_of):
    curve, reports = curve_of(target="c", drop=("y",), optimizer=optimizer, l2=0.01)
    known = {report["step"]: report["loss"] for report in reports}
    assert len(curve.training) > 4 or optimizer == "sgd"
    for step, loss in curve.training.items():
        assert loss == pytest.approx(known[step], rel=1e-12)
