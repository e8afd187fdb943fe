"""Fingerprints: what counts as a change of the data, and how it is said."""

import os

import numpy as np
import pytest

from dlcli import fingerprint as module
from dlcli.errors import DlcliError
from dlcli.fingerprint import difference, fingerprint


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"x,y\n1,2\n" * 100)
    return path


def test_a_file_that_was_touched_or_copied_is_the_same(file):
    before = fingerprint([("a.csv", file)])
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(content)
    os.utime(file, (1, 1))
    assert difference(before, fingerprint([("a.csv", file)])) == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"x,y\n1,2\n" * 101, "a.csv has changed (it had 800 bytes, and has 808)"),
        (b"x,y\n1,2\n" * 99 + b"x,y\n1,3\n", "a.csv has changed (different content of the same size, 800)"),
    ],
)
def test_what_has_changed_is_said(file, content, said):
    before = fingerprint([("a.csv", file)])
    file.write_bytes(content)
    assert difference(before, fingerprint([("a.csv", file)])) == said


def test_the_file_that_changed_among_several(tmp_path):
    paths = [tmp_path / f"{i}.csv" for i in range(5)]
    for path in paths:
        path.write_text("1")
    parts = [(path.name, path) for path in paths]
    before = fingerprint(parts)
    paths[3].write_text("2")
    assert difference(before, fingerprint(parts)).startswith("3.csv has changed")
    assert difference(before, fingerprint(parts[:4])) == "5 files or images then, 4 now"


def test_many_files_are_remembered_in_few_bytes(tmp_path):
    parts = [(f"{i}.png", tmp_path / "a.png") for i in range(500)]
    (tmp_path / "a.png").write_bytes(b"12")
    before = fingerprint(parts)
    assert len(str(before)) < 200
    assert "different names or content" in difference(before, fingerprint([("renamed.png", parts[0][1]), *parts[1:]]))
    (tmp_path / "a.png").write_bytes(b"123")
    assert difference(before, fingerprint(parts)) == "1,000 bytes then, 1,500 now"


def test_of_much_only_blocks_are_read(file, monkeypatch):
    monkeypatch.setattr(module, "WHOLE", 1000)
    monkeypatch.setattr(module, "LEAST", 16)
    content = bytearray(os.urandom(100_000))
    file.write_bytes(content)
    before = fingerprint([("a", file)])
    seen = 0
    for place in (0, 99_999, 50_000):
        changed = bytearray(content)
        changed[place] ^= 1
        file.write_bytes(changed)
        seen += difference(before, fingerprint([("a", file)])) != ""
    assert seen == 2  # the first byte and the last; what lies between two blocks isn't looked at


def test_arrays_count_by_their_content_and_shape():
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    same = fingerprint([("a", array.copy())])
    assert difference(same, fingerprint([("a", np.asfortranarray(array))])) == ""
    assert difference(same, fingerprint([("a", array.reshape(3, 2))])) != ""
    assert difference(same, fingerprint([("a", array + np.uint8(1))])) != ""


def test_a_file_that_has_gone(tmp_path):
    with pytest.raises(DlcliError, match=r"a\.csv cannot be read"):
        fingerprint([("a.csv", tmp_path / "a.csv")])
