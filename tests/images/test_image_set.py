import gzip
import io
import os
import re
import struct
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from dlcli.errors import DlcliError
from dlcli.images.cache import ImageCache
from dlcli.images.formats.codecs import read_pixels
from dlcli.images.image_set import Box, ImageSet, ReadLimits, Skipped, open_image_set
from tests.images.drawing import RNG, draw


def cut(path):
    """Leave the header whole and the pixels not."""
    draw(path, 60, 60)
    path.write_bytes(path.read_bytes()[:-1500])


def idx(values):
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape) + values.tobytes()


def test_folder_in_sorted_order_without_hidden_and_other_files(tmp_path):
    wanted = {name: draw(tmp_path / name) for name in ("b.png", "a/z.PNG", "a/deep/x.tiff", "c.bmp")}
    for name in (".hidden.png", ".git/d.png", "a/__x/.e.png"):
        draw(tmp_path / name)
    for name in ("notes.txt", "list.json", "a.gif", "png"):
        (tmp_path / name).write_text("text")
    image_set = open_image_set([str(tmp_path)])
    assert image_set.names == ("a/deep/x.tiff", "a/z.PNG", "b.png", "c.bmp")
    assert image_set.paths == tuple(tmp_path / name for name in image_set.names)
    assert (image_set.channels, image_set.labels, image_set.classes) == (1, None, ())
    assert image_set.skipped == ()
    (note,) = image_set.notes
    assert note.startswith(f"{tmp_path}: 4 files left out: 1 without an ending, 1 .gif, 1 .json, 1 .txt")
    for i, name in enumerate(image_set.names):
        np.testing.assert_array_equal(image_set.pixels(i), wanted[name])
        assert image_set.shape(i) == (9, 7)


def test_one_color_image_makes_all_of_them_color(tmp_path):
    draw(tmp_path / "a.png")
    draw(tmp_path / "b.png", channels=3)
    image_set = open_image_set([str(tmp_path)])
    assert image_set.channels == 3
    assert image_set.pixels(0).shape == (9, 7, 3)
    gray = open_image_set([str(tmp_path)], channels=1)
    np.testing.assert_array_equal(gray.pixels(1), read_pixels(tmp_path / "b.png", "b", 1))


def test_files_patterns_and_repeated_names(tmp_path):
    for name in ("one/a.png", "two/a.png", "two/a-2.png", "two/note.txt"):
        draw(tmp_path / name) if name.endswith("png") else (tmp_path / name).write_text("text")
    assert open_image_set([str(tmp_path / "one" / "a.png")]).names == ("a.png",)
    assert open_image_set([str(tmp_path / "*" / "a*")]).names == ("one/a.png", "two/a-2.png", "two/a.png")
    assert open_image_set([str(tmp_path / "**" / "a.png")]).names == ("one/a.png", "two/a.png")
    both = open_image_set([str(tmp_path / "one"), str(tmp_path / "two")])
    assert both.names == ("a-3.png", "a-2.png", "a.png") or both.names == ("a.png", "a-2.png", "a-3.png")
    assert len(open_image_set([str(tmp_path / "one"), str(tmp_path / "one")])) == 1


def test_names_that_look_like_patterns_or_markup(tmp_path):
    draw(tmp_path / "[red]x" / "a[1]*.png")
    assert open_image_set([str(tmp_path / "[red]x")]).names == ("a[1]*.png",)
    assert open_image_set([str(tmp_path / "[red]x" / "a[1]*.png")]).names == ("a[1]*.png",)


def test_control_characters_do_not_reach_messages(tmp_path):
    draw(tmp_path / "a.png")
    (tmp_path / "b\x1b[2J\n.png").write_bytes(b"")
    assert open_image_set([str(tmp_path)]).skipped == (Skipped("b\\x1b[2J\\n.png", "is empty"),)


def test_links_are_followed_but_not_in_circles(tmp_path):
    draw(tmp_path / "set" / "a.png")
    draw(tmp_path / "other" / "b.png")
    (tmp_path / "set" / "loop").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "other")
    (tmp_path / "other" / "back").symlink_to(tmp_path / "set")
    (tmp_path / "set" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    image_set = open_image_set([str(tmp_path / "set")])
    assert image_set.names == ("a.png", "linked/b.png")
    assert image_set.skipped == (Skipped("gone.png", "is not there"),)


def test_bad_images_are_skipped_and_told(tmp_path):
    draw(tmp_path / "good.png")
    draw(tmp_path / "small.png", 3, 20)
    cut(tmp_path / "cut.png")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("this is text")
    os.mkfifo(tmp_path / "pipe.png")
    image_set = open_image_set([str(tmp_path)], limits=ReadLimits(min_side=5))
    assert image_set.names == ("good.png",)
    whys = {skipped.name: skipped.why for skipped in image_set.skipped}
    assert whys.keys() == {"small.png", "cut.png", "empty.png", "text.png", "pipe.png"}
    assert whys["small.png"] == "is 20 x 3 pixels, expected 5 or more on a side"
    assert whys["cut.png"].startswith("is damaged: ")
    assert whys["empty.png"] == "is empty"
    assert whys["text.png"].startswith("is not a PNG")
    assert whys["pipe.png"] == "is not a regular file"


def test_too_few_images(tmp_path):
    draw(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(DlcliError, match=r"1 of 2 images can be used, expected 2 or more; b.png is empty"):
        open_image_set([str(tmp_path)], limits=ReadLimits(min_count=2))
    with pytest.raises(DlcliError, match=r"1 image, expected 2 or more"):
        open_image_set([str(tmp_path / "a.png")], limits=ReadLimits(min_count=2))
    with pytest.raises(DlcliError, match=r"0 of 1 image can be used.*b.png is empty"):
        open_image_set([str(tmp_path / "b.png")])
    with pytest.raises(DlcliError, match=r"0 of 1 .*a.png is 7 x 9 pixels"):
        open_image_set([str(tmp_path / "a.png")], limits=ReadLimits(min_side=8))


def test_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    draw(tmp_path / "a.png")
    draw(tmp_path / "closed" / "b.png")
    given = {"listdir": os.listdir, "scandir": os.scandir}

    def refusing(name):
        def refuse(place):
            if Path(place).name == "closed":
                raise PermissionError(13, "Permission denied")
            return given[name](place)

        return refuse

    for name in given:
        monkeypatch.setattr(os, name, refusing(name))
    image_set = open_image_set([str(tmp_path)])
    assert image_set.skipped == (Skipped("closed/", "cannot be read: Permission denied"),)
    for labeled in (False, True):
        with pytest.raises(DlcliError, match=r"closed cannot be read: Permission denied"):
            open_image_set([str(tmp_path / "closed")], labeled=labeled)


@pytest.mark.parametrize("what", ["missing", "pattern", "empty", "text only", "pickle", "extension", "none", "nul"])
def test_what_is_no_set_of_images(tmp_path, what):
    (tmp_path / "empty").mkdir()
    draw(tmp_path / "pictures" / "a.png")
    for name in ("text/a.txt", "model.pt", "movie.mp4", "plain"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("text")
    given, told, hint = {
        "missing": ("picture", "no such file or folder", "did you mean .*pictures"),
        "pattern": ("pictures/*.jpg", "no image matches", "png"),
        "empty": ("empty", "holds no image", "png"),
        "text only": ("text", "holds no image", "png"),
        "pickle": ("model.pt", "pickled objects", "npz"),
        "extension": ("movie.mp4", r"extension \.mp4", "png"),
        "none": ("plain", "no extension", "png"),
        "nul": ("a\0b", "cannot be read", "path"),
    }[what]
    with pytest.raises(DlcliError, match=told) as caught:
        open_image_set([f"{tmp_path}/{given}"])
    assert re.search(hint, caught.value.hint)


def test_pipe_and_archive_by_another_name(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    with pytest.raises(DlcliError, match="neither a file nor a folder"):
        open_image_set([str(tmp_path / "a.npy")])
    np.savez(tmp_path / "b.npz", x=np.zeros((2, 5, 5), np.uint8))
    (tmp_path / "b.npz").rename(tmp_path / "b.npy")
    with pytest.raises(DlcliError, match=r"npz file by its content"):
        open_image_set([str(tmp_path / "b.npy")])


def test_nothing_given():
    with pytest.raises(DlcliError, match="no images were given"):
        open_image_set([])


def test_notes_of_frames_are_counted(tmp_path):
    for name in ("a.webp", "b.webp"):
        Image.new("RGB", (5, 4)).save(tmp_path / name, save_all=True, append_images=[Image.new("RGB", (5, 4), "red")])
    assert open_image_set([str(tmp_path)]).notes == (
        "a.webp and 1 more: 4 frames (2 along T), each an image; neighbors are held out together; --axes names other "
        "axes",
    )


# Streaming.


def test_folder_larger_than_memory_is_decoded_when_asked_for(tmp_path):
    wanted = [draw(tmp_path / f"{i}.png") for i in range(4)]
    cut(tmp_path / "z.png")
    image_set = open_image_set([str(tmp_path)], limits=ReadLimits(memory=200))
    assert len(image_set) == 5
    assert "whenever they are used" in image_set.notes[0]
    for _ in range(2):
        for i in range(4):
            np.testing.assert_array_equal(image_set.pixels(i), wanted[i])
    with pytest.raises(DlcliError, match=r"z\.png is damaged") as caught:
        image_set.pixels(4)
    assert str(tmp_path) in caught.value.message
    image_set = open_image_set([str(tmp_path)], limits=ReadLimits(memory=200))
    draw(tmp_path / "3.png", 5, 5)
    with pytest.raises(DlcliError, match=r"3\.png changed"):
        image_set.subset([3]).pixels(0)


def test_memory_decides(tmp_path):
    draw(tmp_path / "a.png", channels=3)
    assert open_image_set([str(tmp_path)], limits=ReadLimits(memory=9 * 7 * 3)).notes == ()
    assert open_image_set([str(tmp_path)], limits=ReadLimits(memory=9 * 7 * 3 - 1)).notes != ()
    assert open_image_set([str(tmp_path)], limits=ReadLimits(memory=9 * 7), channels=1).notes == ()


def test_cache_holds_its_limit_and_the_latest():
    cache, loaded = ImageCache(30), []

    def get(key, size=10):
        def load():
            loaded.append(key)
            return np.zeros((size, 1, 1), dtype=np.uint8)

        return cache.get(key, load)

    for key in "abcabc":
        get(key)
    assert loaded == ["a", "b", "c"]
    get("d")  # a is the one used longest ago
    get("b")
    get("a")
    assert loaded == ["a", "b", "c", "d", "a"]
    get("large", 31)
    get("large", 31)
    get("a")
    assert loaded[5:] == ["large", "large"]


def test_cache_from_many_threads(tmp_path):
    wanted = [draw(tmp_path / f"{i}.png") for i in range(6)]
    image_set = open_image_set([str(tmp_path)], limits=ReadLimits(memory=130))
    wrong = []

    def work(seed):
        for i in np.random.default_rng(seed).integers(0, 6, 60):
            if not np.array_equal(image_set.pixels(i), wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_files_that_are_no_images_are_counted_by_their_ending(tmp_path):
    for name in ("in/a.png", "in/b.png"):
        draw(tmp_path / name)
    for name in ("in/1.MP4", "in/deep/2.mp4", "in/c.gif", "in/d.npy", "in/.hidden.gif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    np.save(tmp_path / "in/d.npy", np.zeros((9, 7), np.uint8))
    all_of_them, flat = "4 files left out: 2 .mp4, 1 .gif, 1 .npy", "2 files left out: 1 .gif, 1 .mp4"
    for data, found in ((tmp_path / "in", all_of_them), (tmp_path / "in/*", flat)):
        (note,) = open_image_set([str(data)]).notes  # a pattern takes arrays, too
        assert note.startswith(f"{data}: {found}")
    with pytest.raises(DlcliError, match=r"holds no image but 1 \.mp4"):
        open_image_set([str(tmp_path / "in/deep")])
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays/d.npy", np.zeros((9, 7), np.uint8))
    with pytest.raises(DlcliError, match=r"holds no image but 1 \.npy") as raised:
        open_image_set([str(tmp_path / "arrays")])
    assert "name .npy and .npz files themselves" in raised.value.hint
    draw(tmp_path / "of/cat/a.png")
    (tmp_path / "of/out").mkdir()
    (tmp_path / "of/out/x.gif").write_bytes(b"")
    with pytest.raises(DlcliError, match=r"class folder out holds no image but 1 \.gif"):
        open_image_set([str(tmp_path / "of")], labeled=True)


def test_parts_are_cut_from_images_in_memory_and_on_disk(tmp_path):
    values = [draw(tmp_path / name, 12, 10) for name in ("a.png", "b.png")]
    boxes = [Box(1, 2, 3, 5, 4), Box(0, 0, 0, 12, 3), Box(1, 7, 0, 5, 10)]
    for memory in (None, 1):
        parts = open_image_set([str(tmp_path)], limits=ReadLimits(memory=memory)).parts(boxes)
        assert parts.names == ("b.png", "a.png", "b.png")
        for i, box in enumerate(boxes):
            top, left, height, width = box[1:]
            assert parts.shape(i) == (height, width)
            np.testing.assert_array_equal(parts.pixels(i), values[box.image][top : top + height, left : left + width])


# Classes.


def test_class_folders(tmp_path):
    for name in ("dog/1.png", "cat/2.png", "cat/young/3.png", "stray.png", ".thumbs/4.png"):
        draw(tmp_path / name)
    image_set = open_image_set([str(tmp_path)], labeled=True)
    assert image_set.classes == ("cat", "dog")
    assert image_set.names == ("cat/2.png", "cat/young/3.png", "dog/1.png")
    assert image_set.labels.tolist() == [0, 0, 1]
    assert image_set.skipped == (Skipped("stray.png", "is in no class folder"),)
    assert image_set.subset([2, 0]).labels.tolist() == [1, 0]


def test_classes_of_several_folders_are_joined(tmp_path):
    for name in ("a/cat/1.png", "a/dog/1.png", "b/ant/1.png"):
        draw(tmp_path / name)
    image_set = open_image_set([str(tmp_path / "a"), str(tmp_path / "b")], labeled=True)
    assert image_set.classes == ("ant", "cat", "dog")
    assert [image_set.classes[label] for label in image_set.labels] == ["cat", "dog", "ant"]


def test_class_folders_named_by_numbers_are_in_order_of_size(tmp_path):
    for name in ("10", "9", "1"):
        draw(tmp_path / name / "a.png")
    assert open_image_set([str(tmp_path)], labeled=True).classes == ("1", "9", "10")


@pytest.mark.parametrize(
    ("names", "told"),
    [(["a.png"], "no class folders"), (["cat/a.png"], "one class only, cat"),
     (["cat/a.png", "dog/a.txt"], "class folder dog holds no image"), (["cat/a.png", "dog/"], "class folder dog"),
     (["train/cat/a.png", "test/cat/a.png"], "parts of a data set"),
     (["cat/a.png", "dog/empty.png"], "no image of the class dog can be used: dog/empty.png is empty")],
    ids=["no folders", "one class", "no images in a class", "empty class", "parts", "bad images"],
)  # fmt: skip
def test_folders_without_classes(tmp_path, names, told):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        elif name.endswith("a.png"):
            draw(tmp_path / name)
        else:
            (tmp_path / name).write_bytes(b"")
    with pytest.raises(DlcliError, match=told) as caught:
        open_image_set([str(tmp_path)], labeled=True)
    assert caught.value.hint


@pytest.mark.parametrize("name", ["a.png", "a.npy", "*.png"])
def test_single_files_have_no_classes(tmp_path, name):
    draw(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(DlcliError, match="without classes") as caught:
        open_image_set([str(tmp_path / name)], labeled=True)
    assert "class folders" in caught.value.hint


# IDX.


def test_idx_folder(tmp_path):
    values, labels = RNG.integers(0, 256, (5, 4, 3), dtype=np.uint8), np.array([3, 1, 9, 3, 0], np.uint8)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(values)))
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    for labeled in (False, True):
        image_set = open_image_set([str(tmp_path)], labeled=labeled)
        assert image_set.classes == tuple("0123456789")
        assert image_set.labels.tolist() == labels.tolist()
        assert image_set.names[1] == "train-001"
        assert image_set.paths == (None,) * 5
        np.testing.assert_array_equal(np.stack([image_set.pixels(i) for i in range(5)])[..., 0], values)
    alone = open_image_set([str(tmp_path / "train-images-idx3-ubyte.gz")])
    assert (alone.labels, alone.names[0]) == (None, "train-images-idx3-000")
    with pytest.raises(DlcliError, match="holds labels"):
        open_image_set([str(tmp_path / "train-labels-idx1-ubyte.gz")])
    with pytest.raises(DlcliError, match="holds no image") as caught:
        open_image_set([str(tmp_path)], part="test")
    assert "not those of the test part" in caught.value.hint
    (tmp_path / "train-labels-idx1-ubyte.gz").write_bytes(idx(labels[:4]))
    with pytest.raises(DlcliError, match="5 images, but its labels"):
        open_image_set([str(tmp_path)])


def test_mnist(shared):
    image_set = open_image_set([str(shared / "mnist")], labeled=True, part="test")
    assert (len(image_set), image_set.channels, image_set.shape(0)) == (10_000, 1, (28, 28))
    assert np.bincount(image_set.labels)[:2].tolist() == [980, 1135]


# Arrays.


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((6, 5), (1, 6, 5, 1)), ((6, 5, 3), (1, 6, 5, 3)), ((6, 5, 1), (1, 6, 5, 1)), ((5, 6, 5), (5, 6, 5, 1)),
     ((2, 6, 5, 3), (2, 6, 5, 3)), ((2, 6, 5, 4), (2, 6, 5, 3))],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("memory", [None, 10])
def test_npy_shapes(tmp_path, shape, expected, memory):
    values = RNG.integers(0, 256, shape, dtype=np.uint8)
    np.save(tmp_path / "a.npy", values)
    image_set = open_image_set([str(tmp_path / "a.npy")], limits=ReadLimits(memory=memory))
    images = [image_set.pixels(i) for i in range(len(image_set))]
    # Held in memory of their own, so that torch takes them without a copy or a warning.
    assert all(image.flags.writeable and type(image) is np.ndarray for image in images)
    found = np.stack(images)
    assert found.shape == expected
    np.testing.assert_array_equal(found, values.reshape(*expected[:3], -1)[..., : expected[3]])
    assert image_set.names[0] == "a-000"


@pytest.mark.parametrize("memory", [None, 10])
def test_numbers_stay_as_the_file_has_them(tmp_path, memory):
    deep, floats = RNG.integers(0, 65536, (1, 16, 16), np.uint16), RNG.random((1, 16, 16))
    np.save(tmp_path / "deep.npy", deep.astype(">u2"))
    np.save(tmp_path / "floats.npy", floats)
    image_set = open_image_set([str(tmp_path / "deep.npy")], limits=ReadLimits(memory=memory))
    assert (image_set.dtype, image_set.pixels(0).dtype, image_set.notes[memory is not None :]) == (
        np.uint16, np.uint16, (),
    )  # fmt: skip
    np.testing.assert_array_equal(image_set.pixels(0)[:, :, 0], deep[0])
    image_set = open_image_set([str(tmp_path / "floats.npy")], limits=ReadLimits(memory=memory))
    assert (image_set.dtype, image_set.pixels(0).dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(image_set.pixels(0)[:, :, 0], floats[0].astype(np.float32))
    assert "values of float64 are rounded to float32" in image_set.notes[0]


def test_deep_images_stay_deep(tmp_path):
    deep = RNG.integers(0, 65536, (9, 7), np.uint16)
    color = RNG.integers(0, 65536, (9, 7, 3), np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "b.tif", color, photometric="rgb")
    image_set = open_image_set([str(tmp_path)])
    assert (image_set.dtype, image_set.channels, image_set.notes) == (np.uint16, 3, ())
    np.testing.assert_array_equal(image_set.pixels(0), np.repeat(deep[:, :, None], 3, axis=2))
    np.testing.assert_array_equal(image_set.pixels(1), color)
    gray = open_image_set([str(tmp_path)], channels=1).pixels(1)[:, :, 0]
    np.testing.assert_allclose(gray, color @ [0.299, 0.587, 0.114], atol=1)


def test_bits_of_two_kinds_meet_at_white(tmp_path):
    shallow = draw(tmp_path / "a.png")
    deep = RNG.integers(0, 65536, (9, 7), np.uint16)
    Image.fromarray(deep).save(tmp_path / "b.png")
    image_set = open_image_set([str(tmp_path)])
    np.testing.assert_array_equal(image_set.pixels(0), shallow.astype(np.uint16) * 257)
    np.testing.assert_array_equal(image_set.pixels(1)[:, :, 0], deep)
    assert image_set.notes == (
        "1 image of 8 bits among 1 of 16: multiplied by 257, so that white stays white",
    )  # fmt: skip
    np.save(tmp_path / "c.npy", deep / 65535)
    mixed = open_image_set([str(tmp_path / name) for name in ("a.png", "c.npy")])
    assert "of several types (1 of uint8, 1 of float64)" in mixed.notes[0]
    np.testing.assert_array_equal(mixed.pixels(0), shallow.astype(np.float32))


def broken(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()[:-40]


@pytest.mark.parametrize(
    ("values", "told"),
    [(np.array([{}, 1], dtype=object), "Python objects"), (np.zeros(5, np.uint8), r"shape \(5,\)"),
     (np.zeros((2, 2, 2, 2, 3), np.uint8), "shape"), (np.zeros((2, 3, 8, 8), np.uint8), "shape"),
     (np.zeros((2, 8, 8, 2), np.uint8), "shape"), (np.zeros((0, 8, 8), np.uint8), "no pixels"),
     (np.zeros((2, 8, 8), complex), "complex"), (np.full((2, 8, 8), np.nan), "NaN"),
     (np.full((2, 8, 8), np.inf), "inf"), (np.zeros((2, 8, 8), dtype=[("r", "u1")]), "type")],
    ids=["objects", "1-D", "5-D", "channels first", "2 channels", "none", "complex", "nan", "inf", "fields"],
)  # fmt: skip
@pytest.mark.parametrize("extension", ["npy", "npz"])
def test_arrays_that_are_no_images(tmp_path, values, told, extension):
    path = tmp_path / f"a.{extension}"
    np.save(path, values, allow_pickle=True) if extension == "npy" else np.savez(path, images=values)
    with pytest.raises(DlcliError, match=told) as caught:
        open_image_set([str(path)])
    assert caught.value.hint
    if told == "shape" and values.shape == (2, 3, 8, 8):
        assert caught.value.hint == "say which: --axes NCYX"


@pytest.mark.parametrize(
    ("shape", "axes", "expected"),
    [((3, 9, 8), "NYX", (3, 9, 8, 1)), ((3, 9, 8), "CYX", (1, 9, 8, 3)), ((4, 9, 8), "CYX", (1, 9, 8, 4)),
     ((9, 8, 2), "YXC", (1, 9, 8, 2)), ((9, 8, 2), "NYX", (9, 8, 2, 1)), ((40, 44, 9), "YXC", (1, 40, 44, 9)),
     ((2, 5, 9, 8), "NCYX", (2, 9, 8, 5)), ((2, 9, 8, 5), "NYXC", (2, 9, 8, 5))],
    ids=str,
)  # fmt: skip
def test_shapes_that_are_asked_about(tmp_path, shape, axes, expected):
    """What can be frames or channels isn't guessed; what the question names works as it is."""
    values = RNG.integers(0, 65536, shape, np.uint16)
    np.save(tmp_path / "a.npy", values)
    with pytest.raises(DlcliError, match=r"a.npy has the shape") as asked:
        open_image_set([str(tmp_path / "a.npy")])
    assert f"--axes {axes}" in asked.value.hint
    image_set = open_image_set([str(tmp_path / "a.npy")], axes=axes)
    found = np.stack([image_set.pixels(i) for i in range(len(image_set))])
    assert (found.shape, image_set.channels) == (expected, expected[3])
    moved = np.moveaxis(values, axes.index("C"), -1) if "C" in axes else values
    np.testing.assert_array_equal(found, moved.reshape(expected))


@pytest.mark.parametrize(
    "content",
    [b"", b"text", b"\x93NUMPY\x01\0", broken(np.zeros((2, 8, 8), np.uint8)), b"\x93NUMPY\x01\0\x08\0{'a': (\n"],
    ids=["empty", "text", "header", "cut", "open bracket"],
)
@pytest.mark.parametrize("extension", ["npy", "npz"])
def test_damaged_arrays(tmp_path, content, extension):
    path = tmp_path / f"a.{extension}"
    path.write_bytes(content)
    with pytest.raises(DlcliError, match=r"cannot be read as numpy|Python objects"):
        open_image_set([str(path)])


@pytest.mark.parametrize("names", [("images", "labels"), ("x", "y"), ("X", "Y"), ("x_train", "y_train")], ids=str)
def test_npz_with_labels(tmp_path, names):
    values = RNG.integers(0, 256, (4, 6, 5), dtype=np.uint8)
    np.savez_compressed(tmp_path / "a.npz", **{names[0]: values, names[1]: [7, 10, 7, 9], "other": [1]})
    image_set = open_image_set([str(tmp_path / "a.npz")], labeled=True)
    assert image_set.classes == ("7", "9", "10")
    assert image_set.labels.tolist() == [0, 2, 0, 1]
    assert open_image_set([str(tmp_path / "a.npz")]).labels is None
    if names[0] == "x_train":
        with pytest.raises(DlcliError, match="no array of images"):
            open_image_set([str(tmp_path / "a.npz")], labeled=True, part="test")


@pytest.mark.parametrize(
    ("labels", "classes"),
    [(np.array(["cat", "ant"]), ("ant", "cat")), (np.array([[2.0], [1.0]]), ("1", "2")), ([True, False], None)],
    ids=["texts", "floats", "booleans"],
)
def test_kinds_of_labels(tmp_path, labels, classes):
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 5, 5), np.uint8), y=labels)
    image_set = open_image_set([str(tmp_path / "a.npz")], labeled=True)
    assert image_set.classes == (classes or ("False", "True"))
    assert image_set.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("labels", "told"),
    [(None, "no array of labels; its arrays are x"), ([1, 2, 3], "for 2 images"), ([0.5, 1], "type float64"),
     ([np.nan, 1], "type float64"), ([4, 4], "one class only, 4"), (np.array([{}, 1], dtype=object), "Python objects")],
    ids=["none", "too many", "fractions", "nan", "one class", "objects"],
)  # fmt: skip
def test_bad_labels(tmp_path, labels, told):
    arrays = {"x": np.zeros((2, 5, 5), np.uint8)} | ({} if labels is None else {"y": labels})
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DlcliError, match=told) as caught:
        open_image_set([str(tmp_path / "a.npz")], labeled=True)
    assert caught.value.hint


def test_npz_bomb_is_not_expanded(tmp_path, monkeypatch):
    monkeypatch.setattr("dlcli.images.arrays.PLENTY", 1 << 20)
    monkeypatch.setattr("dlcli.images.arrays.available_memory", lambda: 1 << 21)
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((3, 1024, 1024), np.uint8))
    with pytest.raises(DlcliError, match=r"expands to 0\.0 GiB, more than there is memory for"):
        open_image_set([str(tmp_path / "a.npz")])


def test_npz_header_that_lies(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": (10**7, 1000, 1000)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", stream.getvalue() + bytes(100))
    with pytest.raises(DlcliError, match="holds 100 bytes"):
        open_image_set([str(tmp_path / "a.npz")])


# Arrays already in memory.


def test_of_arrays():
    arrays = [np.full((4, 5), 7, np.uint8), np.zeros((6, 3, 1), np.uint8)]
    image_set = ImageSet.of_arrays(arrays, labels=[1, 0], classes=("a", "b"))
    assert (len(image_set), image_set.channels, image_set.names) == (2, 1, ("image-000", "image-001"))
    assert image_set.shape(1) == (6, 3)
    assert image_set.pixels(0).shape == (4, 5, 1)
    assert image_set.labels.tolist() == [1, 0]
    turned = image_set.subset(np.array([1, 0, 1]))
    assert turned.names == ("image-001", "image-000", "image-001")
    assert len(ImageSet.of_arrays([])) == 0
    with pytest.raises(ValueError):
        ImageSet.of_arrays([np.zeros((4, 5, 3), np.uint8), arrays[0]])
    with pytest.raises(ValueError):
        ImageSet.of_arrays([np.zeros((4, 5), np.float64)])
    assert ImageSet.of_arrays([np.zeros((4, 5, 2), np.float32)]).dtype == np.float32


def test_an_image_that_is_left_out_does_not_decide_the_type_of_the_others(tmp_path):
    """A float image with NaN made 8 bits among 16 nearly black, instead of as bright."""
    tifffile.imwrite(tmp_path / "a.tif", np.full((9, 9), 65535, np.uint16))
    tifffile.imwrite(tmp_path / "b.tif", np.full((9, 9), 255, np.uint8))
    tifffile.imwrite(tmp_path / "c.tif", np.full((9, 9), np.nan, np.float32))
    found = open_image_set([str(tmp_path)])
    assert [one.name for one in found.skipped] == ["c.tif"]
    assert found.dtype == np.uint16
    assert [int(found.pixels(i).max()) for i in range(2)] == [65535, 65535]
    assert not any("float32" in note for note in found.notes)


def test_a_pattern_of_windows_is_answered_by_one_that_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", np.zeros((9, 9), np.uint8))
    with pytest.raises(DlcliError) as told:
        open_image_set(["in\\*.tif"])
    assert told.value.hint == "did you mean in/*.tif?"
