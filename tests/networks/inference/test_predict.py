"""``dlcli predict`` of image networks: names, formats, depth and transparency stay; the pixels are the network's."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from dlcli.config.evaluate import PredictConfig
from dlcli.degradations.blur import Deblur
from dlcli.degradations.downsample import enlarge
from dlcli.degradations.kernels import gaussian_kernel, motion_kernel
from dlcli.degradations.mask import Inpaint
from dlcli.errors import DlcliError
from dlcli.networks.inference import restoring as deconv_restoring
from dlcli.networks.inference import trained as deconv_trained
from dlcli.tasks.predict import predict
from tests.networks.examples import folder_of, make_run, network_of, save, smooth

KERNELS = [gaussian_kernel(1.0), motion_kernel(9.0, 30.0)]
ARRAYS = {f"kernel.{i}": k.astype(np.float32) for i, k in enumerate(KERNELS)}
RANDOM = np.random.default_rng(0)
DEEP = RANDOM.integers(0, 65536, (23, 31), dtype=np.uint16)
ALPHA = RANDOM.integers(1, 256, (23, 31), dtype=np.uint8)  # what can't be seen has no color


def predicted(run, *data, **options):
    return predict(PredictConfig(run=run, data=tuple(map(str, data)), **options))


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image)


def tensor(values, white=255):
    values = values if values.ndim == 3 else values[:, :, None]
    return torch.from_numpy(values.transpose(2, 0, 1)[None].astype(np.float32)) / white


def rounded(image, white=255):
    return np.round(image[0].permute(1, 2, 0).double().clamp(0, 1).numpy().squeeze() * white).astype(
        np.uint8 if white == 255 else np.uint16
    )


def whole(run, observation):
    with torch.inference_mode():
        return network_of(run)(observation.input, observation.base)


def plain(run, image):
    with torch.inference_mode():
        return network_of(run)(image)


def every_kind(folder):
    """Files of every format, depth and kind of transparency, by name."""
    gray, color = smooth(23, 31), smooth(23, 31, 3)
    save(folder / "gray.png", gray)
    save(folder / "color.bmp", color)
    save(folder / "inner" / "deep.png", DEEP)
    save(folder / "inner" / "deep.tif", DEEP)
    save(folder / "inner" / "Alpha.WEBP", np.dstack([color, ALPHA]), format="WEBP", lossless=True, exact=True)
    save(folder / "clear.png", np.dstack([gray, ALPHA]))
    return folder


@pytest.mark.parametrize("channels", [1, 3])
def test_an_identity_gives_back_every_file_as_it_was(tmp_path, channels):
    run, photos = make_run(tmp_path / "run", channels=channels, identity=True), every_kind(tmp_path / "photos")
    out = tmp_path / "new" / "out"
    report = predicted(run, photos, out=out)
    assert (report.images, report.skipped) == (6, [])
    names = sorted(p.relative_to(photos) for p in photos.rglob("*.*"))
    assert sorted(p.relative_to(out) for p in out.rglob("*.*")) == names
    for name in names:
        with Image.open(photos / name) as before, Image.open(out / name) as after:
            assert (after.format, after.mode, after.size) == (before.format, before.mode, before.size)
            # A gray image is the weighted sum of three equal channels in a color network: equal but for rounding.
            np.testing.assert_allclose(
                np.asarray(after).astype(int), np.asarray(before).astype(int), atol=channels // 3
            )


def test_pixels_are_the_networks(tmp_path):
    run = make_run(tmp_path / "run")
    gray, color = smooth(23, 31), smooth(23, 31, 3)
    save(tmp_path / "in" / "gray.png", gray)
    save(tmp_path / "in" / "color.png", np.dstack([color, ALPHA]))
    save(tmp_path / "in" / "deep.png", DEEP)
    predicted(run, tmp_path / "in", out=tmp_path / "out")
    np.testing.assert_array_equal(pixels(tmp_path / "out" / "gray.png"), rounded(plain(run, tensor(gray))))
    restored = pixels(tmp_path / "out" / "color.png")
    for c in range(3):  # channel by channel
        expected = rounded(plain(run, tensor(color[:, :, c])))
        np.testing.assert_allclose(restored[:, :, c].astype(int), expected, atol=1)
    np.testing.assert_array_equal(restored[:, :, 3], ALPHA)
    deep = pixels(tmp_path / "out" / "deep.png")
    assert deep.dtype == np.uint16
    expected = rounded(plain(run, tensor(DEEP, 65535)), 65535)
    np.testing.assert_allclose(deep.astype(int), expected.astype(int), atol=1)
    assert len(np.unique(deep)) > 256


def test_large_images_of_bytes_are_computed_in_bfloat16_where_that_is_fast(tmp_path, monkeypatch):
    """A level more or less here and there; deeper images, and what is filled in, are computed as before."""
    run, other = make_run(tmp_path / "run"), make_run(tmp_path / "inpaint", "inpaint")
    files = [tmp_path / "bytes.png", tmp_path / "deep.png"]
    save(files[0], smooth(90, 70))
    save(files[1], DEEP)
    made = {}
    for fast, whole in ((False, 0), (True, 0), (True, 1 << 21)):
        monkeypatch.setattr(deconv_trained, "_is_fast", lambda _device, fast=fast: fast)
        monkeypatch.setattr(deconv_restoring, "WHOLE", whole)
        out = tmp_path / f"out-{fast}-{whole}"
        predicted(run, *files, out=out)
        predicted(other, files[0], out=out / "filled.png", mask=mask_of(tmp_path))
        made[fast, whole] = [pixels(out / name).astype(int) for name in ("bytes.png", "deep.png", "filled.png")]
    exact, quick, small = made.values()
    assert 0 < np.abs(quick[0] - exact[0]).max() <= 2  # of a network that adds a hundred levels
    assert np.mean(quick[0] != exact[0]) < 0.3
    for one, same in ((quick[1], exact[1]), (quick[2], exact[2]), (small[0], exact[0])):
        assert np.array_equal(one, same)


def mask_of(folder):
    """A file in which some pixels are missing."""
    missing = np.zeros((90, 70), np.uint8)
    missing[20:40, 10:50] = 255
    save(folder / "mask.png", missing)
    return folder / "mask.png"


def test_a_color_network_gives_gray_images_back_as_gray(tmp_path):
    run, gray = make_run(tmp_path / "run", channels=3), smooth(23, 31)
    path = save(tmp_path / "a.png", gray)
    predicted(run, path, out=tmp_path / "b.png")
    made = plain(run, tensor(np.dstack([gray] * 3)))
    luma = (made * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    np.testing.assert_allclose(pixels(tmp_path / "b.png").astype(int), rounded(luma), atol=1)


@pytest.mark.parametrize("scale", [2, 3])
def test_upscaling_enlarges_pixels_and_alpha(tmp_path, scale):
    run, color = make_run(tmp_path / "run", "upscale", scale=scale), smooth(23, 31, 3)
    path = save(tmp_path / "a.png", np.dstack([color, ALPHA]))
    predicted(run, path, out=tmp_path / "out", tile=16)
    made = pixels(tmp_path / "out" / "a.png")
    assert made.shape == (23 * scale, 31 * scale, 4)
    np.testing.assert_array_equal(made[:, :, 3], rounded(enlarge(tensor(ALPHA), scale)))
    expected = plain(run, enlarge(tensor(color[:, :, 1]), scale))
    np.testing.assert_allclose(made[:, :, 1].astype(int), rounded(expected), atol=1)


def test_tiles_change_nothing(tmp_path):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "in", ((61, 83), (17, 90)), 3)
    predicted(run, photos, out=tmp_path / "whole", tile=4096)
    predicted(run, photos, out=tmp_path / "tiled", tile=16)
    for path in photos.iterdir():
        a, b = (pixels(tmp_path / kind / path.name).astype(int) for kind in ("whole", "tiled"))
        np.testing.assert_allclose(a, b, atol=1)
        assert np.mean(a != b) < 0.01


@pytest.mark.parametrize("kernel", [None, 0, 1])
def test_deblurring_by_the_kernel_asked_for(tmp_path, kernel):
    run, gray = make_run(tmp_path / "run", "deblur", sigma=(2.55, 2.55), arrays=ARRAYS), smooth(40, 50)
    predicted(run, save(tmp_path / "a.png", gray), out=tmp_path / "b.png", kernel=kernel)
    expected = whole(run, Deblur(KERNELS, 2.55).prepare(tensor(gray), kernel or 0))
    np.testing.assert_allclose(pixels(tmp_path / "b.png").astype(int), rounded(expected), atol=1)


class TestInpaint:
    gray = smooth(23, 31)
    holes = RANDOM.random((23, 31)) < 0.3
    own = RANDOM.random((23, 31)) < 0.3

    def expected(self, run, missing):
        return rounded(whole(run, Inpaint(0.5).prepare(tensor(self.gray), missing)))

    def run_on(self, tmp_path, values, run, **options):
        path = save(tmp_path / "a.png", values)
        predicted(run, path, out=tmp_path / "b.png", force=True, **options)
        return pixels(tmp_path / "b.png")

    def test_mask_file_then_own_mask_then_transparency(self, tmp_path):
        mask = save(tmp_path / "mask.png", np.where(self.holes, 255, 0).astype(np.uint8))
        run = make_run(tmp_path / "own", "inpaint", arrays={"mask": self.own.astype(np.uint8)})
        alpha = np.where(np.arange(31) < 9, 0, 200).astype(np.uint8) * np.ones((23, 1), np.uint8)
        both = np.dstack([self.gray, alpha])
        np.testing.assert_allclose(
            self.run_on(tmp_path, self.gray, run, mask=mask).astype(int), self.expected(run, self.holes), atol=1
        )
        np.testing.assert_allclose(
            self.run_on(tmp_path, both, run)[:, :, 0].astype(int), self.expected(run, self.own), atol=1
        )
        run = make_run(tmp_path / "holes", "inpaint")
        made = self.run_on(tmp_path, both, run)
        np.testing.assert_allclose(made[:, :, 0].astype(int), self.expected(run, alpha == 0), atol=1)
        np.testing.assert_array_equal(made[:, :, 1], np.where(alpha == 0, 255, alpha))  # what was filled shows

    def test_known_pixels_of_an_identity_stay(self, tmp_path):
        mask = save(tmp_path / "mask.png", np.where(self.holes, 255, 0).astype(np.uint8))
        made = self.run_on(tmp_path, self.gray, make_run(tmp_path / "run", "inpaint", identity=True), mask=mask)
        np.testing.assert_array_equal(made[~self.holes], self.gray[~self.holes])

    def test_refusals(self, tmp_path):
        run = make_run(tmp_path / "run", "inpaint")
        with pytest.raises(DlcliError, match="does not say which pixels are missing") as caught:
            self.run_on(tmp_path, self.gray, run)
        assert "--mask" in caught.value.hint
        clear = np.dstack([self.gray, np.zeros_like(self.gray)])
        with pytest.raises(DlcliError, match="entirely transparent"):
            self.run_on(tmp_path, clear, run)
        with pytest.raises(DlcliError, match="the mask is 9x9, the image 23x31"):
            self.run_on(tmp_path, self.gray, run, mask=save(tmp_path / "m.png", np.zeros((9, 9), np.uint8)))
        with pytest.raises(DlcliError, match="entirely white"):
            self.run_on(tmp_path, self.gray, run, mask=save(tmp_path / "m.png", np.full((23, 31), 255, np.uint8)))
        with pytest.raises(DlcliError, match="is not there"):
            self.run_on(tmp_path, self.gray, run, mask=tmp_path / "none.png")
        with pytest.raises(DlcliError, match="--mask is for inpaint"):
            self.run_on(tmp_path, self.gray, make_run(tmp_path / "noise"), mask=tmp_path / "m.png")


def test_arrays_stay_arrays(tmp_path):
    run = make_run(tmp_path / "run", identity=True)
    stack = np.stack([smooth(23, 31, seed=i) for i in range(2)])
    np.save(tmp_path / "two.npy", stack)
    predicted(run, tmp_path / "two.npy", out=tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["two.npy"]
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "two.npy"), stack)


def test_one_file_takes_the_format_of_its_new_name(tmp_path):
    run, path = make_run(tmp_path / "run", identity=True), save(tmp_path / "a.png", smooth(23, 31))
    predicted(run, path, out=tmp_path / "b.tiff")
    with Image.open(tmp_path / "b.tiff") as image:
        assert image.format == "TIFF"
        np.testing.assert_array_equal(np.asarray(image), pixels(path))


def test_bad_images_are_left_out_and_counted(tmp_path):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "in")
    (photos / "bad.png").write_bytes(b"hello")
    half = io.BytesIO()
    Image.fromarray(smooth(60, 60)).save(half, "PNG")
    (photos / "inner").mkdir()
    (photos / "inner" / "half.png").write_bytes(half.getvalue()[:200])
    report = predicted(run, photos, out=tmp_path / "out")
    assert report.images == 3
    assert {s.name for s in report.skipped} == {"bad.png", "inner/half.png"}
    assert sorted(p.name for p in (tmp_path / "out").rglob("*")) == ["0.png", "1.png", "2.png"]
    with pytest.raises(DlcliError, match=r"none of 2 images was restored; bad\.png: is not a"):
        predicted(run, photos / "bad.png", photos / "inner", out=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_no_memory_is_a_reason_to_leave_an_image_out(tmp_path, monkeypatch):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "in")
    monkeypatch.setattr(deconv_restoring, "SMALL", 0)
    monkeypatch.setattr(
        deconv_restoring, "available_memory", lambda: 21_000
    )  # 33 x 21 pixels need less, the others more
    report = predicted(run, photos, out=tmp_path / "out")
    assert (report.images, len(report.skipped)) == (2, 1)

    def fails(*_):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(deconv_restoring, "image_to_tensor", fails)
    monkeypatch.setattr(deconv_restoring, "SMALL", 1 << 30)
    with pytest.raises(DlcliError, match="needs more memory") as caught:
        predicted(run, photos, out=tmp_path / "other")
    assert "--tile" in caught.value.hint


def test_inputs_are_never_overwritten(tmp_path):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "in")
    before = {p.name: p.read_bytes() for p in photos.iterdir()}
    (tmp_path / "link").symlink_to(photos)
    (tmp_path / "hard").mkdir()
    (tmp_path / "hard" / "1.png").hardlink_to(photos / "1.png")
    for out in (photos, tmp_path / "link", tmp_path / "hard", photos / ".." / "in"):
        with pytest.raises(DlcliError, match="would overwrite the input"):
            predicted(run, photos, out=out, force=True)
    with pytest.raises(DlcliError, match="would overwrite the input"):
        predicted(run, photos / "0.png", out=photos / "0.png", force=True)
    with pytest.raises(DlcliError, match="would overwrite the input"):
        predicted(run, photos / "0.png", photos / "1.png", out=photos, force=True)
    assert {p.name: p.read_bytes() for p in photos.iterdir()} == before


def test_outputs_are_replaced_with_force_only(tmp_path):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "in")
    save(tmp_path / "out" / "1.png", smooth(5, 5))
    with pytest.raises(DlcliError, match=r"1\.png exists"):
        predicted(run, photos, out=tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["1.png"]
    assert predicted(run, photos, out=tmp_path / "out", force=True).images == 3


def test_a_folder_within_the_inputs_is_not_read_again(tmp_path):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "in")
    for _ in range(2):
        assert predicted(run, photos, out=photos / "restored", force=True).images == 3
    assert not (photos / "restored" / "restored").exists()


@pytest.mark.parametrize(
    ("out", "words"),
    [(None, "need a place"), ("out.png", "names one file, and there are 3 images"), ("file", "is a file"),
     ("in/0.png/x", "cannot write")],
)  # fmt: skip
def test_places_that_cannot_be(tmp_path, out, words):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "in")
    (tmp_path / "file").write_text("x")
    with pytest.raises(DlcliError, match=words):
        predicted(run, photos, out=out and tmp_path / out)
