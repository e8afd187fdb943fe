"""The table that fills while a search runs."""

import pytest

from dlcli.cli.console import fitting
from dlcli.cli.tuning.search_console import SearchConsole
from dlcli.search.records import Outcome, Record

ROWS = [["trial", "lr", "psnr", "state", "time"], ["12", "0.00719686", "21.9242", "complete", "5.7s"]]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (80, ["trial", "lr", "psnr", "state", "time"]),
        (42, ["trial", "lr", "psnr", "state", "time"]),
        (41, ["trial", "lr", "psnr", "state"]),
        (35, ["trial", "lr", "psnr"]),
        (26, ["trial", "lr", "psnr"]),
        (25, ["lr", "psnr"]),
        (24, ["lr", "psnr"]),
        (5, ["lr", "psnr"]),
    ],
)
def test_columns_that_do_not_fit_are_left_out_whole(width, columns):
    found = fitting(ROWS, ("time", "state", "trial"), width)
    assert found[0] == columns
    assert found[1] == [ROWS[1][ROWS[0].index(name)] for name in columns]


@pytest.mark.parametrize("width", ["30", "80"])
def test_no_number_of_a_result_is_cut(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", width)
    headings = ["trial", *(f"option_{i}" for i in range(12))]
    numbers = [f"{i + 1}.23456789" for i in range(12)]
    SearchConsole().table(headings, [["a name that is longer than its column is at least", *numbers]])
    shown = capsys.readouterr().out
    assert all(number in shown for number in numbers)
    assert all(heading in shown for heading in headings)
    assert "…" not in shown


def record(number, value):
    return Record(number, {"lr": 0.1}, "complete", 0, Outcome("complete", value, (value,), {}, 10, 0.1))


@pytest.mark.parametrize("live", [False, True])
def test_the_mark_knows_of_trials_that_were_run_before_and_elsewhere(capsys, live):
    console = SearchConsole()
    console.live_allowed = live
    console.search("title", ("lr",), "val.loss", False, 3)
    console.known([record(0, 1.0), record(1, 2.0)])
    for number, value in ((2, 1.5), (3, 0.5)):
        console.trial(record(number, value), 0.5)
    console.end()
    err = capsys.readouterr().err
    if not live:
        lines = [line for line in err.splitlines() if line.startswith("trial ")]
        assert ["  best" in line for line in lines] == [False, True]
    console.known([record(number, value) for number, value in ((0, 1.0), (2, 1.5), (3, 0.5))])
    assert capsys.readouterr().err == ""
    console.known([record(4, 0.25)])
    assert "best: trial 4, run elsewhere" in capsys.readouterr().err
