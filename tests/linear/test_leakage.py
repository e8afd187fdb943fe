"""Rows that are held out change nothing that is learned, on any path through the data."""

import numpy as np
import polars as pl
import pytest

from tests import leakage


def table(n=90, seed=0, gaps=False):
    random = np.random.default_rng(seed)
    group = random.choice(["left", "right", "middle", "rare"], n, p=[0.4, 0.3, 0.25, 0.05])
    x, z = random.normal(size=n) + 5, random.normal(size=n) * 100
    y = 2 * x - 0.03 * z + (group == "right") + random.normal(size=n)
    kind = np.where(y + random.normal(size=n) * 3 > np.median(y), "hi", "lo")
    frame = pl.DataFrame({"x": x, "z": z, "g": group, "on": random.random(n) > 0.5, "y": y, "kind": kind})
    if not gaps:
        return frame
    holes = [random.random(n) < 0.2 for _ in range(3)]
    return frame.with_columns(
        pl.when(pl.Series(hole)).then(None).otherwise(pl.col(name)).alias(name)
        for name, hole in zip(("x", "g", "on"), holes, strict=True)
    )


NUMBERS = ["--target", "y", "--drop", "kind"]
CLASSES = ["--target", "kind", "--drop", "y", "--l2", "0.01"]
THREE = ["--target", "g", "--drop", "kind", "--l2", "0.01"]
PATHS = {
    "moments": [*NUMBERS],
    "moments, l1": [*NUMBERS, "--l1", "0.1"],
    "exact": [*NUMBERS, "--optimizer", "exact"],
    "adam": [*NUMBERS, "--optimizer", "adam", "--steps", "30"],
    "sgd as they are": [*NUMBERS, "--optimizer", "sgd", "--steps", "30", "--no-standardize"],
    "no intercept": [*NUMBERS, "--no-intercept"],
    "two classes": CLASSES,
    "two classes by gd": [*CLASSES, "--optimizer", "gd", "--steps", "20"],
    "lbfgs": [*CLASSES, "--optimizer", "lbfgs", "--steps", "20"],
    "several classes": THREE,
}


@pytest.mark.thinned(9)
@pytest.mark.parametrize("missing", [[], ["--missing", "mean"], ["--missing", "drop"]], ids=lambda m: " ".join(m))
@pytest.mark.parametrize("path", PATHS)
def test_held_out_rows_change_nothing_learned(tmp_path, path, missing):
    frame = table(gaps=bool(missing))
    if path == "several classes":
        frame = frame.filter(pl.col("g") != "rare")
    frame.write_csv(tmp_path / "t.csv")
    leakage.check(["t.csv", *PATHS[path], *missing, "--val", "0.2", "--cv", "2"], tmp_path, tmp_path)


@pytest.mark.parametrize("optimizer", ["gd", "exact"])
def test_nor_do_they_in_several_files_with_new_levels(tmp_path, optimizer):
    frame = table(gaps=True)
    for number, part in enumerate(frame.sort("g", nulls_last=False).iter_slices(7)):
        part.write_csv(tmp_path / f"part-{number:02}.csv")
    words = ["part-*.csv", *NUMBERS, "--text", "g", "--missing", "mean", "--optimizer", optimizer]
    leakage.check([*words, "--val", "0.3", "--cv", "3"], tmp_path, tmp_path)


def known_mean(values, chosen):
    return np.nanmean(values[chosen])


def learned(folder):
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


@pytest.mark.parametrize(
    "words", [["--target", "y"], ["--target", "y", "--optimizer", "exact"], ["--target", "kind"]], ids=" ".join
)
def test_gaps_get_the_means_of_the_training_rows_in_the_model_too(tmp_path, words):
    frame = table(gaps=True)
    frame.write_csv(tmp_path / "t.csv")
    words = [*words, "--features", "x,z", "--missing", "mean", "--val", "0.4"]
    watched, _ = leakage.run(["t.csv", *words], tmp_path, tmp_path / "run", set())
    x = frame["x"].cast(float).to_numpy()
    assert learned(tmp_path / "run")["fill"][0] == pytest.approx(known_mean(x, watched.groups != -1), rel=1e-14)


def test_a_text_that_is_missing_before_a_level_is_first_seen_is_filled_with_its_share(tmp_path):
    # Half of the known texts are b, which comes only in the second file: the gap in the first is half a b.
    (tmp_path / "1.csv").write_text("g,y\na,1\n,4\na,2\na,1\n")
    (tmp_path / "2.csv").write_text("g,y\nb,9\nb,8\nb,7\n")
    for optimizer in ("gd", "exact"):
        words = ["1.csv", "2.csv", "--target", "y", "--missing", "mean", "--optimizer", optimizer]
        leakage.run(words, tmp_path, tmp_path / "run", set())
        share = np.array([0, 0.5, 0, 0, 1, 1, 1])
        expected = np.polyfit(share, [1, 4, 2, 1, 9, 8, 7], 1)
        assert learned(tmp_path / "run")["coefficients"][0, 0] == pytest.approx(expected[0], rel=1e-9)


@pytest.mark.thinned(3)
@pytest.mark.parametrize(("files", "rows", "val"), [(100, 3, 0.2), (100, 3, 0.5), (150, 2, 0.2), (40, 1, 0.3)])
@pytest.mark.parametrize("classes", [False, True])
def test_shares_are_those_of_the_whole_however_small_the_files(tmp_path, files, rows, val, classes):
    for number in range(files):
        lines = [f"{number * rows + i},{(number * rows + i) ** 2 % 7}{'a' * classes}\n" for i in range(rows)]
        (tmp_path / f"{number:03}.csv").write_text("x,y\n" + "".join(lines))
    watched, _ = leakage.run(["*.csv", "--val", str(val), "--cv", "4", "--l2", "1"], tmp_path, tmp_path / "run", set())
    counts = {int(g): int(np.sum(watched.groups == g)) for g in np.unique(watched.groups)}
    assert counts[-1] == round(val * files * rows)
    folds = [counts[fold] for fold in range(4)]
    assert max(folds) - min(folds) <= 1


def test_every_class_is_held_out_in_proportion(tmp_path):
    # 60 classes of 2 rows and one of 80: a fifth of 200 rows is 40, 16 of them of the large class.
    rows = [f"{i},c{i // 2}" for i in range(120)] + [f"{i},large" for i in range(80)]
    (tmp_path / "t.csv").write_text("x,y\n" + "\n".join(rows) + "\n")
    watched, _ = leakage.run(["t.csv", "--val", "0.2", "--l2", "1", "--steps", "1"], tmp_path, tmp_path / "run", set())
    held = watched.groups == -1
    assert (held.sum(), held[120:].sum()) == (40, 16)
    assert max(held[2 * c : 2 * c + 2].sum() for c in range(60)) == 1


def test_the_split_is_one_of_rows_not_of_files(tmp_path):
    frame = table(n=9000).select("x", "z", "y")
    frame.write_csv(tmp_path / "all.csv")
    frame.write_parquet(tmp_path / "all.parquet")
    for number, part in enumerate(frame.iter_slices(1777)):
        part.write_csv(tmp_path / f"part-{number}.csv")
    words = ["--target", "y", "--val", "0.3", "--cv", "5", "--data-seed", "4"]
    splits = [
        leakage.run([name, *words], tmp_path, tmp_path / "run", set())
        for name in ("all.csv", "all.parquet", "part-*.csv")
    ]
    models = {watched.fits[0].model.slopes.round(9).tobytes() for watched, _ in splits}
    assert len(models) == 1


def test_levels_that_only_held_out_rows_have_are_said_and_not_learned(tmp_path, dlcli):
    held = leakage.run(["t.csv", "--target", "y", "--val", "0.3"], *written(tmp_path, "a"), set())[0].rows_of(-1)
    row = min(held) - 1
    written(tmp_path, "aa", row)
    result = dlcli("fit-linear", "t.csv", "--target", "y", "--val", "0.3", "--out", "run", "--json")
    assert result.code == 0, result.err
    assert "column 'g': texts that no training row has count as 'a', in 1 row: aa" in " ".join(result.err.split())
    assert list(result.report["coefficients"]) == ["intercept", "g=b"]
    again = dlcli("eval", "run", "--json")
    assert again.code == 0, again.err
    assert again.report["metrics"]["test"]["loss"] == pytest.approx(result.report["metrics"]["val"]["loss"], rel=1e-12)


def written(folder, level, row=0):
    levels = ["b" if i % 2 else "a" for i in range(40)]
    levels[row] = level
    (folder / "t.csv").write_text("g,y\n" + "".join(f"{g},{i * i % 11}\n" for i, g in enumerate(levels)))
    return folder, folder / "first"
