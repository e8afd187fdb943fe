import gzip
import struct

import numpy as np
import pytest

from dlcli.errors import DlcliError
from dlcli.images.formats.idx import find_idx, read_idx

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)


def idx(values, kind=8, shape=None):
    sizes = values.shape if shape is None else shape
    return struct.pack(f">BBBB{len(sizes)}I", 0, 0, kind, len(sizes), *sizes) + values.tobytes()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("values", [IMAGES, IMAGES[:, 0, 0]], ids=["images", "labels"])
def test_round_trip(tmp_path, packed, values):
    path = tmp_path / "any-ubyte"
    path.write_bytes(gzip.compress(idx(values)) if packed else idx(values))
    np.testing.assert_array_equal(read_idx(path), values)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "not in the IDX format"), (b"\0\0", "not in the IDX format"), (b"text that is long enough", "not in the"),
     (idx(IMAGES, kind=0x0D), "floats"), (idx(IMAGES, kind=0x0C), "32-bit integers"), (idx(IMAGES, kind=7), "not in"),
     (idx(IMAGES[:, 0]), "2 dimensions"), (idx(IMAGES[..., None]), "4 dimensions"),
     (idx(IMAGES)[:9], "within its header"), (idx(IMAGES, shape=(6, 4, 3)), "but 60 are there"),
     (idx(IMAGES, shape=(4, 4, 3)), "but more are there"), (idx(IMAGES, shape=(0, 4, 3)), "more are there"),
     (idx(IMAGES[:0]), "holds nothing"), (idx(IMAGES, shape=(2**32 - 1,) * 3), "more than a file of its size")],
    ids=["empty", "short", "text", "floats", "integers", "no type", "2 dimensions", "4 dimensions", "half a header",
         "too few", "too many", "none promised", "none", "absurd"],
)  # fmt: skip
def test_refused(tmp_path, packed, content, told):
    path = tmp_path / "a-ubyte"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DlcliError, match=told) as caught:
        read_idx(path)
    assert caught.value.hint


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_gzip(tmp_path, kept):
    whole = gzip.compress(idx(np.random.default_rng(0).integers(0, 256, (50, 9, 9), dtype=np.uint8)))
    (tmp_path / "a.gz").write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(DlcliError, match="incomplete or damaged gzip data"):
        read_idx(tmp_path / "a.gz")


def test_gzip_that_expands_beyond_its_promise_is_not_expanded(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(idx(IMAGES) + bytes(30_000_000), compresslevel=1))
    with pytest.raises(DlcliError, match="more are there"):
        read_idx(path)


def test_more_than_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("dlcli.images.formats.idx.PLENTY", 10)
    monkeypatch.setattr("dlcli.images.formats.idx.available_memory", lambda: 59)
    (tmp_path / "a").write_bytes(idx(IMAGES))
    with pytest.raises(DlcliError, match="memory"):
        read_idx(tmp_path / "a")


def test_missing_and_folder(tmp_path):
    with pytest.raises(DlcliError, match="no such file"):
        read_idx(tmp_path / "a")
    with pytest.raises(DlcliError, match="cannot be read"):
        read_idx(tmp_path)


def test_files_are_found(tmp_path):
    assert find_idx(tmp_path, "train") is None
    for name in ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_idx(tmp_path, "train")] == [
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte",
    ]
    with pytest.raises(DlcliError, match="no labels") as caught:
        find_idx(tmp_path, "test")
    assert "t10k-labels" in caught.value.hint


def test_mnist(shared):
    images, labels = (read_idx(path) for path in find_idx(shared / "mnist", "test"))
    assert images.shape == (10_000, 28, 28)
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
