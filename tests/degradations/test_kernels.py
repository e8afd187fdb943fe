"""Blur kernels by name against closed forms, from files against what was saved, and files that are no kernels."""

import contextlib
import zipfile

import numpy as np
import pytest
from PIL import Image

from dlcli.degradations.kernels import MAX_SIDE, gaussian_kernel, motion_kernel, parse_blur
from dlcli.errors import DlcliError

RAW = np.array([[0.0, 1.0, 2.0], [3.0, 4.0, 0.0], [0.0, 5.0, 1.0]])


def test_a_gaussian_has_its_deviation():
    (kernel,) = parse_blur("gaussian:1.6")
    place = np.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1, abs=1e-12)
    assert np.sqrt((kernel.sum(0) * place**2).sum()) == pytest.approx(1.6, rel=2e-3)
    assert kernel[0, 0] < 1e-6


def test_motion_along_the_axes_is_a_plain_line():
    assert motion_kernel(3, 0) == pytest.approx(np.full((1, 3), 1 / 3))
    assert motion_kernel(3, 90) == pytest.approx(np.full((3, 1), 1 / 3))
    assert motion_kernel(4, 180) == pytest.approx(np.array([[0.5, 1, 1, 1, 0.5]]) / 4)
    assert motion_kernel(1, 33) == pytest.approx(np.ones((1, 1)))


def test_motion_turns_anticlockwise():
    kernel = motion_kernel(9, 45)
    assert kernel[0, -1] > 0
    assert kernel[-1, 0] > 0
    assert kernel[0, 0] == kernel[-1, -1] == 0
    assert kernel == pytest.approx(kernel[::-1, ::-1])
    y, x = np.mgrid[: kernel.shape[0], : kernel.shape[1]]
    slope = np.polyfit(x.ravel(), -y.ravel(), 1, w=np.sqrt(kernel.ravel()))[0]
    assert slope == pytest.approx(1, abs=0.1)


def test_the_longest_kernels_still_fit():
    assert max(motion_kernel(125, 30).shape) <= MAX_SIDE
    assert max(gaussian_kernel(15).shape) <= MAX_SIDE


def test_files_give_what_was_saved(tmp_path):
    np.save(tmp_path / "one.npy", RAW)
    np.savez(tmp_path / "two.npz", first=RAW, second=RAW.T)
    np.savez_compressed(tmp_path / "small.npz", RAW.astype(np.uint8))
    assert parse_blur(str(tmp_path / "one.npy"))[0] == pytest.approx(RAW / RAW.sum())
    assert [k[0, 1] * RAW.sum() for k in parse_blur(str(tmp_path / "two.npz"))] == pytest.approx([1, 3])
    (second,) = parse_blur(f"{tmp_path / 'two.npz'}:second")
    assert second == pytest.approx(RAW.T / RAW.sum())
    assert parse_blur(str(tmp_path / "small.npz"))[0] == pytest.approx(RAW / RAW.sum())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_image_is_a_kernel(tmp_path, dtype):
    values = (RAW * (50 if dtype == np.uint8 else 10_000)).astype(dtype)
    Image.fromarray(values).save(tmp_path / "k.png")
    assert parse_blur(str(tmp_path / "k.png"))[0] == pytest.approx(RAW / RAW.sum())


def test_even_sides_are_padded_at_the_end(tmp_path):
    np.save(tmp_path / "k.npy", np.ones((2, 4)))
    (kernel,) = parse_blur(str(tmp_path / "k.npy"))
    assert kernel == pytest.approx(np.pad(np.ones((2, 4)), ((0, 1), (0, 1))) / 8)


def test_sums_beyond_floats_are_normalized(tmp_path):
    np.save(tmp_path / "k.npy", np.full((3, 3), 1e308))
    assert parse_blur(str(tmp_path / "k.npy"))[0] == pytest.approx(np.full((3, 3), 1 / 9))


def test_levin_kernels(shared):
    kernels = parse_blur(str(shared / "kernels" / "levin09.npz"))
    assert [len(k) for k in kernels] == [19, 17, 15, 27, 13, 21, 23, 23]
    assert all(k.sum() == pytest.approx(1, abs=1e-12) for k in kernels)


def refused(text):
    with pytest.raises(DlcliError) as caught:
        parse_blur(str(text))
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    "text",
    ["", "box", "gaussian", "gaussian:", "gaussian:wide", "gaussian:1:2", "gaussian:0", "gaussian:16", "gaussian:nan",
     "motion:5", "motion:0:3", "motion:500:3", "motion:5:inf", "missing.npy", "missing.npz", "missing.png", "."],
)  # fmt: skip
def test_unknown_blurs(text):
    assert text in refused(text)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones(3), "this is 3"),
        (np.float64(1), "a single number"),
        (np.ones((2, 3, 3)), "this is 2x3x3"),
        (np.ones((0, 3)), "this is 0x3"),
        (np.ones((128, 3)), "127x127, this is 128x3"),
        (np.array([[1.0, -0.5]]), "-0.5 to 1"),
        (np.array([[1.0, np.nan]]), "finite"),
        (np.array([[1.0, np.inf]]), "finite"),
        (np.zeros((3, 3)), "not all 0"),
        (np.ones((3, 3), complex), "complex128"),
        (np.array([["a"]]), "holds numbers"),
    ],
)
def test_arrays_that_are_no_kernels(tmp_path, array, words):
    np.save(tmp_path / "k.npy", array)
    assert words in refused(tmp_path / "k.npy")


def test_files_that_hold_no_kernel(tmp_path):
    np.save(tmp_path / "pickled.npy", np.array([[{}]]), allow_pickle=True)
    np.savez(tmp_path / "zipped.npz", a=RAW)
    whole = (tmp_path / "zipped.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "renamed.npy").write_bytes(whole)
    (tmp_path / "text.npz").write_text("not an archive")
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "k.png").write_bytes(b"\x89PNG\r\n\x1a\n, and nothing more")
    for name in ("pickled.npy", "cut.npz", "renamed.npy", "text.npz", "empty.npy", "k.png"):
        assert f"{name}: no blur kernel can be read" in refused(tmp_path / name)
    np.savez(tmp_path / "none.npz")
    assert "has no array" in refused(tmp_path / "none.npz")
    assert "has no array k0; it holds a" in refused(f"{tmp_path / 'zipped.npz'}:k0")


def test_a_hostile_image_is_refused_before_it_is_decoded(tmp_path):
    Image.new("L", (3000, 2000)).save(tmp_path / "large.png")
    assert "2000x3000" in refused(tmp_path / "large.png")


def test_broken_bytes_never_escape(tmp_path):
    random = np.random.default_rng(0)
    np.savez_compressed(tmp_path / "good.npz", RAW)
    good = (tmp_path / "good.npz").read_bytes()
    assert zipfile.is_zipfile(tmp_path / "good.npz")
    for _ in range(300):
        broken = bytearray(good)
        for place in random.integers(len(good), size=3):
            broken[place] = random.integers(256)
        (tmp_path / "k.npz").write_bytes(broken)
        with contextlib.suppress(DlcliError):
            assert parse_blur(str(tmp_path / "k.npz"))[0].sum() == pytest.approx(1)
