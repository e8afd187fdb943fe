"""A run works on when it is moved together with its data, and its config.toml says whose it is."""

import json
import re
import shutil

ROWS = "a,b,y\n" + "".join(f"{i % 7},{i % 5},{3 * (i % 7) - (i % 5) + i % 3}\n" for i in range(60))


def one_line(result):
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    return result.err


def test_a_run_moved_with_its_data_works_from_anywhere(dlcli, tmp_path):
    old, new = tmp_path / "old", tmp_path / "moved" / "new"
    (old / "data").mkdir(parents=True)
    (old / "data" / "t.csv").write_text(ROWS)
    fit = dlcli("fit-linear", "data/t.csv", "--target", "y", "--val", "0.25", "--json", "-q", cwd=old)
    assert fit.code == 0
    before = dlcli("eval", "runs/fit-linear-001", "--json", cwd=old)
    new.parent.mkdir()
    shutil.move(old, new)
    after = dlcli("eval", "moved/new/runs/fit-linear-001", "--json")
    assert before.code == after.code == 0
    assert after.report["metrics"] == before.report["metrics"]
    assert "held out" in after.err
    assert dlcli("predict", "moved/new/runs/fit-linear-001", "--out", "p.csv").code == 0
    again = dlcli("fit-linear", "--config", "moved/new/runs/fit-linear-001/config.toml", "--out", "x/again", "--json")
    assert again.report["coefficients"] == fit.report["coefficients"]
    # What was written anew leads to the data too.
    assert dlcli("eval", "again", "--json", cwd=tmp_path / "x").report["metrics"] == before.report["metrics"]
    (new / "data" / "t.csv").unlink()
    assert "moved/new/data/t.csv" in one_line(dlcli("eval", "moved/new/runs/fit-linear-001"))


def test_a_run_of_an_older_version_is_read_from_the_current_folder(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text(ROWS)
    assert dlcli("fit-linear", "t.csv", "--target", "y", "--out", "run", "-q").code == 0
    file = tmp_path / "run" / "config.toml"
    text = re.sub(r"(?m)^command = .*\n", "", file.read_text()).replace("../t.csv", "t.csv")
    assert text != file.read_text()
    file.write_text(text)
    assert dlcli("eval", "run").code == 0
    assert dlcli("fit-linear", "--config", "run/config.toml", "--out", "again", "-q").code == 0


def test_the_config_of_another_command_is_one_line(dlcli, tmp_path):
    (tmp_path / "t.csv").write_text(ROWS)
    search = ["tune-lr", "--lr", "0.1,0.5", "--plots", "none", "--out", "s", "-q", "fit-linear", "t.csv"]
    assert dlcli(*search).code == 0
    assert "is of dlcli tune-lr" in one_line(dlcli("fit-linear", "--config", "s/config.toml"))
    assert "is of dlcli fit-linear" in one_line(dlcli("train-deconv", "--config", "s/best.toml"))
    (tmp_path / "else").mkdir()
    again = dlcli("tune-lr", "--config", "../s/config.toml", "--json", "-q", cwd=tmp_path / "else")
    assert again.code == 0, again.err
    trials = [[t["value"] for t in report["trials"]] for report in
              (again.report, json.loads((tmp_path / "s" / "report.json").read_text()))]  # fmt: skip
    assert trials[0] == trials[1]
