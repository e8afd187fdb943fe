"""Config files: as editors write them, by whichever command, and with paths from their own folder."""

import os
from pathlib import Path

import pytest

from dlcli.config.fit_linear import FitLinearConfig
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.tune_lr import TuneLrConfig
from dlcli.errors import DlcliError

TEXT = '# préférences\ndata = "x.csv"\ntarget = "größe"\nval = 0.5\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The current folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_any_editor_will_do(folder, encoding, ends):
    (folder / "c.toml").write_bytes(TEXT.replace("\n", ends).encode(encoding))
    config = FitLinearConfig.build({}, Path("c.toml"))
    assert (config.data, config.target, config.val) == (("x.csv",), "größe", 0.5)


def test_other_text_is_refused_with_its_line(folder):
    (folder / "c.toml").write_bytes(TEXT.encode("latin-1").replace(b"# pr\xe9f\xe9rences\n", b"# \n"))
    with pytest.raises(DlcliError, match="line 3 is not UTF-8"):
        FitLinearConfig.build({}, Path("c.toml"))
    (folder / "c.toml").write_bytes(b"")
    assert FitLinearConfig.build({}, Path("c.toml")) == FitLinearConfig()


LISTS = [(cls, name) for cls in (FitLinearConfig, TrainDeconvConfig, TuneLrConfig)
         for name, field in cls.model_fields.items() if isinstance(field.default, tuple)]  # fmt: skip


# Lists whose parts must look like something.
OF_A_FORM = {
    "training": "fit-linear", "date_parts": "year", "interactions": "a:b", "poly": "a:2", "reference": "a=x",
}  # fmt: skip


@pytest.mark.parametrize(("cls", "name"), LISTS, ids=lambda value: value if isinstance(value, str) else value.command)
def test_one_text_is_a_list_of_one(folder, cls, name):
    value = OF_A_FORM.get(name, "a.csv")
    data = "" if name == "data" or "data" not in cls.model_fields else 'data = "a.csv"\n'
    (folder / "c.toml").write_text(f'{data}{name} = "{value}"\n')
    assert getattr(cls.build({}, Path("c.toml")), name) == (value,)


def test_numbers_are_texts_where_texts_are_wanted(folder):
    text = "data = 'a'\ntarget = 3\nmissing_value = -999\ndrop = [1, 2]\ntext = ['4']\nl2 = 1\n"
    (folder / "c.toml").write_text(text)
    config = FitLinearConfig.build({}, Path("c.toml"))
    assert (config.target, config.missing_value, config.drop, config.text) == ("3", ("-999",), ("1", "2"), ("4",))
    (folder / "t.toml").write_text("lr = 0.1\ntraining = \"fit-linear 'a b.csv' --target y\"\n")
    config = TuneLrConfig.build({}, Path("t.toml"))
    assert (config.lr, config.training) == ("0.1", ("fit-linear", "a b.csv", "--target", "y"))
    (folder / "c.toml").write_text("target = true\n")
    with pytest.raises(DlcliError, match="target"):
        FitLinearConfig.build({}, Path("c.toml"))


def test_the_file_of_another_command_is_refused(folder):
    (folder / "c.toml").write_text(TuneLrConfig().to_toml(folder))
    assert TuneLrConfig.build({}, Path("c.toml")).training == ("fit-linear",)
    with pytest.raises(DlcliError, match="of dlcli tune-lr, not of fit-linear"):
        FitLinearConfig.build({}, Path("c.toml"))
    (folder / "c.toml").write_text("command = 3\n")
    with pytest.raises(DlcliError, match="of dlcli 3"):
        FitLinearConfig.build({}, Path("c.toml"))


def again(config, written, read, monkeypatch):
    """A config as it is after being written to a folder and read from another one (or a link to it)."""
    written.mkdir(parents=True, exist_ok=True)
    (written / "c.toml").write_text(config.to_toml(written))
    monkeypatch.chdir(read)
    return type(config).build({}, Path(os.path.relpath(written, read)) / "c.toml")


DATA = ("wine.csv", "part-*.csv", "../up.csv", "sub/../a.csv", "/abs/b.csv", "-", "**/c[0-9].csv", "t\udce9.csv")


def test_paths_are_the_same_from_the_same_folder(folder, monkeypatch):
    config = again(FitLinearConfig(data=DATA), folder / "runs/one", folder, monkeypatch)
    assert config.data == (*DATA[:3], "a.csv", *DATA[4:])


def test_and_lead_to_the_same_files_from_another(folder, monkeypatch):
    (folder / "else" / "where").mkdir(parents=True)
    config = again(FitLinearConfig(data=DATA), folder / "runs/one", folder / "else/where", monkeypatch)
    wanted = ("../../wine.csv", "../../part-*.csv", "../../../up.csv", "../../a.csv", "/abs/b.csv", "-")
    assert config.data[:6] == wanted
    text = (folder / "runs/one/c.toml").read_text()
    assert 'command = "fit-linear"' in text.splitlines()
    assert '"../../wine.csv"' in text


def test_behind_links_and_in_folders_with_odd_names(tmp_path, folder, monkeypatch):
    place = tmp_path / "disk" / "a[b]" / "deep"
    place.mkdir(parents=True)
    (folder / "runs").symlink_to(place)
    for name in ("one.csv", "part-1.csv"):
        (folder / name).write_text("x")
    config = FitLinearConfig(data=("one.csv", "part-*.csv"))
    assert again(config, folder / "runs", folder, monkeypatch) == config
    (folder / "else[1]").mkdir()
    (folder / "else[1]" / "part-2.csv").write_text("x")
    monkeypatch.chdir(folder / "else[1]")
    config = again(FitLinearConfig(data=("part-*.csv",)), folder / "else[1]" / "run", folder, monkeypatch)
    assert config.data == ("else[[]1]/part-*.csv",)


def test_blurs_and_masks_too(folder, monkeypatch):
    (folder / "else").mkdir()
    for blur, wanted in [("gaussian:1.6", "gaussian:1.6"), ("motion:9:45", "motion:9:45"), ("k.npy", "../k.npy"),
                         ("k.npz:one", "../k.npz:one"), ("/a/k.npz", "/a/k.npz")]:  # fmt: skip
        monkeypatch.chdir(folder)
        given = TrainDeconvConfig(data=("photos/",), blur=blur, mask=Path("m.png"))
        config = again(given, folder / "runs/one", folder / "else", monkeypatch)
        assert (config.data, config.blur, config.mask) == (("../photos",), wanted, Path("../m.png"))


def test_urls_of_database_files_too(folder, monkeypatch):
    (folder / "else").mkdir()
    for url, wanted in [
        ("sqlite:///a.db", "sqlite:///../a.db"),
        ("sqlite:////a.db", "sqlite:////a.db"),
        ("duckdb:///x/a.db", "duckdb:///../x/a.db"),
        ("postgresql://ann:***@db/x", "postgresql://ann:***@db/x"),
    ]:
        monkeypatch.chdir(folder)
        config = again(FitLinearConfig(data=(url,)), folder / "runs/one", folder / "else", monkeypatch)
        assert config.data == (wanted,)


def test_and_those_in_a_trainings_command_line(folder, monkeypatch):
    (folder / "else").mkdir()
    for words, wanted in [
        ("fit-linear wine.csv --target y -", "fit-linear ../wine.csv --target y -"),
        ("fit-linear --no-intercept wine.csv --l2=1", "fit-linear --no-intercept ../wine.csv --l2=1"),
        ("fit-linear --config c.toml -- -x.csv", "fit-linear --config ../c.toml -- ../-x.csv"),
        ("train-deconv a b --task pairs --mask=m.png", "train-deconv ../a ../b --task pairs --mask=../m.png"),
        ("train-deconv --blur k.npz:one --nonsense a", "train-deconv --blur ../k.npz:one --nonsense ../a"),
    ]:
        monkeypatch.chdir(folder)
        given = TuneLrConfig(training=tuple(words.split()))
        config = again(given, folder / "runs/one", folder / "else", monkeypatch)
        assert config.training == tuple(wanted.split())


def test_paths_of_a_file_by_hand_are_looked_for_beside_it_first(folder, tmp_path):
    (tmp_path / "settings").mkdir()
    (tmp_path / "settings" / "c.toml").write_text('data = ["a.csv", "b.csv", "p-*.csv", "/c.csv"]\n')
    for name in ("settings/a.csv", "settings/p-1.csv", "here/a.csv", "here/b.csv"):
        (tmp_path / name).write_text("x")
    config = FitLinearConfig.build({}, Path("../settings/c.toml"))
    assert config.data == ("../settings/a.csv", "b.csv", "../settings/p-*.csv", "/c.csv")
