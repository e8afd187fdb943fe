"""``dlcli eval`` of networks that restore: against scikit-image on the same arrays, and properties."""

import dataclasses

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image
from skimage import color

from dlcli.config.evaluate import EvalConfig
from dlcli.degradations.downsample import enlarge, shrink
from dlcli.degradations.task import Restoration
from dlcli.errors import DlcliError
from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.formats.codecs import with_channels
from dlcli.images.normalization import EIGHT_BITS, Normalization, Scales
from dlcli.networks.inference import held_out as deconv_held_out
from dlcli.networks.model.saved import SavedNetwork
from dlcli.tasks.evaluate import evaluate
from tests.networks.examples import (
    KERNELS,
    Recorder,
    as_bytes,
    folder_of,
    make_run,
    measured,
    network_of,
    noisy,
    reference,
    save,
    save_run,
    smooth,
    squeezed,
    tensor,
)  # fmt: skip

COUNTS = Scales(*[Normalization("uint16", (100.0,), (330.0,))] * 2)


def expect(row, output, shown, target):
    for prefix, image in (("", output), ("input_", shown)):
        psnr, ssim = reference(image, target)
        assert getattr(row, f"{prefix}psnr") == pytest.approx(psnr, abs=1e-6)
        assert getattr(row, f"{prefix}ssim") == pytest.approx(ssim, abs=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
def test_denoising_measured_by_scikit_image(tmp_path, channels):
    run = make_run(tmp_path / "run", channels=channels)
    report = measured(run, folder_of(tmp_path / "photos", channels=channels), noise_seed=5)
    assert [row.name for row in report.per_image] == ["0.png", "1.png", "2.png"]
    for index, row in enumerate(report.per_image):
        clean = np.asarray(Image.open(tmp_path / "photos" / row.name))
        shown = noisy(clean, index, seed=5)
        with torch.inference_mode():
            output = network_of(run)(shown)
        expect(row, squeezed(output), squeezed(shown), clean)
    for name, value in report.metrics["test"].items():
        if name == "checkerboard":
            continue
        assert value == pytest.approx(np.mean([getattr(row, name) for row in report.per_image]))
    assert (report.images, report.skipped, report.checks) == (3, [], [])


def test_the_seed_decides_and_tiles_do_not(tmp_path):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "photos")
    first, again = measured(run, photos), measured(run, photos)
    assert first.per_image == again.per_image
    other = measured(run, photos, noise_seed=1)
    assert all(a.psnr != b.psnr for a, b in zip(first.per_image, other.per_image, strict=True))
    tiled = measured(run, photos, tile=16)
    for a, b in zip(first.per_image, tiled.per_image, strict=True):
        assert a.psnr == pytest.approx(b.psnr, abs=1e-3)  # a pixel may round the other way


def test_the_checkerboard_of_a_flat_image_is_measured_and_checked(tmp_path):
    """Biases of the four places of a cell are the pattern itself; even ones are none."""
    run, photos = make_run(tmp_path / "run", identity=True), folder_of(tmp_path / "photos")
    assert measured(run, photos, check=("checkerboard<=0.1",)).checks[0].holds
    network = network_of(run)
    bias = torch.tensor([0.0, 1.0, -2.0, 0.5]) / 255
    with torch.no_grad():
        network.deconvolutions[0].bias.copy_(bias)
    save_run(tmp_path / "uneven", network, Restoration("denoise", (25.0, 25.0)))
    report = measured(tmp_path / "uneven", photos, check=("checkerboard<=0.1",))
    assert report.metrics["test"]["checkerboard"] == pytest.approx(3, abs=1e-3)
    assert not report.checks[0].holds
    assert "checkerboard is 3" in report.checks[0].text


@pytest.mark.parametrize(
    ("task", "more"),
    [("upscale", {"scale": 3}), ("deblur", {"arrays": KERNELS}), ("inpaint", {"holes": 0.5}), ("reconstruct", {})],
)
def test_every_task_has_a_flat_image(tmp_path, task, more):
    run = make_run(tmp_path / "run", task=task, identity=True, **more)
    report = measured(run, folder_of(tmp_path / "photos"))
    assert report.metrics["test"]["checkerboard"] < 1e-2


def test_checks(tmp_path):
    run, photos = make_run(tmp_path / "run", identity=True), folder_of(tmp_path / "photos")
    report = measured(run, photos, check=("psnr>=99", "input_psnr>=15", "ssim<1"))
    assert [c.holds for c in report.checks] == [False, True, True]
    assert "psnr is" in report.checks[0].text
    with pytest.raises(DlcliError, match="no metric 'accuracy'"):
        measured(run, photos, check=("accuracy>=0.9",))


def test_an_identity_leaves_the_input_as_it_is(tmp_path):
    test = measured(make_run(tmp_path / "run", identity=True), folder_of(tmp_path / "photos")).metrics["test"]
    assert test["psnr"] == test["input_psnr"]
    assert test["ssim"] == test["input_ssim"]


def test_sigma_is_that_of_the_noise(tmp_path):
    run = make_run(tmp_path / "run", identity=True, sigma=(0.0, 55.0))
    gray = save(tmp_path / "gray" / "a.png", np.full((120, 120), 128, np.uint8)).parent
    found = [measured(run, gray, sigma=s).metrics["test"]["psnr"] for s in (5, 15, 30)]
    # 255 / sigma in dB; the middle of the range, so that nothing is clipped.
    assert found == pytest.approx([20 * np.log10(255 / s) for s in (5, 15, 30)], abs=0.2)
    with pytest.raises(DlcliError, match="--sigma 5 is for Gaussian noise"):
        measured(make_run(tmp_path / "up", "upscale"), gray, sigma=5)
    with pytest.raises(DlcliError, match="Poisson noise of 30 photons"):
        measured(make_run(tmp_path / "poisson", poisson=30.0), gray, sigma=5)


def test_a_gray_network_measures_color_as_gray(tmp_path):
    run = make_run(tmp_path / "run")
    color = folder_of(tmp_path / "color", channels=3)
    for path in color.iterdir():
        save(tmp_path / "gray" / path.name, with_channels(np.asarray(Image.open(path)), 1)[:, :, 0])
    assert measured(run, color).per_image == measured(run, tmp_path / "gray").per_image


@pytest.mark.parametrize("channels", [1, 3])
def test_upscaling_is_measured_on_luma_within_the_border(tmp_path, channels):
    scale, values = 3, smooth(32, 41, 3)
    run = make_run(tmp_path / "run", "upscale", channels=channels, identity=True, scale=scale)
    row = measured(run, save(tmp_path / "photos" / "a.png", values).parent).per_image[0]
    clean = values[:30, :39]  # cut to whole small pixels
    luma = np.round(color.rgb2ycbcr(clean)[:, :, 0]).astype(np.uint8)
    given = luma if channels == 1 else clean
    output = enlarge(shrink(tensor(given), scale), scale)[0].permute(1, 2, 0).numpy().clip(0, 1)
    made = as_bytes(output[:, :, 0]) if channels == 1 else np.round(color.rgb2ycbcr(output)[:, :, 0]).astype(np.uint8)
    inside = (slice(scale, -scale), slice(scale, -scale))
    expect(row, made[inside], made[inside], luma[inside])


def test_gray_images_among_color_ones_stay_gray_for_upscaling(tmp_path):
    run = make_run(tmp_path / "run", "upscale", identity=True)
    save(tmp_path / "both" / "a.png", smooth(30, 40))
    save(tmp_path / "both" / "b.png", smooth(30, 40, 3))
    save(tmp_path / "alone" / "a.png", smooth(30, 40))
    assert measured(run, tmp_path / "both").per_image[0] == measured(run, tmp_path / "alone").per_image[0]


def test_pairs_are_measured_as_they_are(tmp_path):
    run = make_run(tmp_path / "run", "pairs")
    clean, given = smooth(30, 40), smooth(30, 40, seed=7)
    save(tmp_path / "clean" / "a.png", clean)
    save(tmp_path / "given" / "a.jpg", given, quality=90)
    save(tmp_path / "given" / "alone.png", given)
    report = measured(run, tmp_path / "given", tmp_path / "clean")
    shown = np.asarray(Image.open(tmp_path / "given" / "a.jpg"))
    with torch.inference_mode():
        output = network_of(run)(tensor(shown))
    expect(report.per_image[0], squeezed(output), shown, clean)
    assert [s.name for s in report.skipped] == ["alone.png"]
    with pytest.raises(DlcliError, match="trained on pairs, and DATA names 1"):
        measured(run, tmp_path / "clean")


def test_kernels_take_turns_unless_one_is_asked_for(tmp_path):
    run = make_run(tmp_path / "run", "deblur", sigma=(2.55, 2.55), arrays=KERNELS)
    photos = folder_of(tmp_path / "photos")
    report = measured(run, photos)
    assert [row.kernel for row in report.per_image] == [0, 1, 0]
    second = measured(run, photos, kernel=1)
    assert [row.kernel for row in second.per_image] == [1, 1, 1]
    assert second.per_image[1] == report.per_image[1]
    assert second.per_image[0].input_psnr != report.per_image[0].input_psnr
    with pytest.raises(DlcliError, match="--kernel 2: the network has 2 blur kernels"):
        measured(run, photos, kernel=2)
    with pytest.raises(DlcliError, match="--kernel 0: the network was trained to denoise"):
        measured(make_run(tmp_path / "denoise"), photos, kernel=0)


def test_what_cannot_be_used_is_named_and_left_out(tmp_path):
    run = make_run(tmp_path / "run", "deblur", sigma=(2.55, 2.55), arrays=KERNELS)
    photos = folder_of(tmp_path / "photos", sizes=((30, 40), (3, 40)))
    (photos / "bad.png").write_bytes(b"hello")
    progress = Recorder()
    report = evaluate(EvalConfig(run=run, data=(str(photos),)), progress)
    assert report.images == 1
    assert {s.name for s in report.skipped} == {"1.png", "bad.png"}
    assert "skipped 2 of 3 images" in progress.lines[-1]
    (photos / "0.png").unlink()
    with pytest.raises(DlcliError, match="none of 2 images can be used"):
        measured(run, photos)


def test_images_smaller_than_the_window_of_ssim_have_none(tmp_path):
    run = make_run(tmp_path / "run")
    small, large = save(tmp_path / "both" / "a.png", smooth(8, 8)), save(tmp_path / "both" / "b.png", smooth(20, 20))
    both = measured(run, small.parent)
    assert np.isnan(both.per_image[0].ssim)
    assert both.metrics["test"]["ssim"] == both.per_image[1].ssim
    assert np.isnan(measured(run, small).metrics["test"]["ssim"])
    assert large.is_file()


def test_no_data_means_what_training_held_out(tmp_path, monkeypatch):
    monkeypatch.setattr(deconv_held_out, "LEAVES", 2)
    run = make_run(tmp_path / "run")
    progress = Recorder()
    report = evaluate(EvalConfig(run=run), progress)
    assert report.images == 2
    assert "that training has not seen" in progress.lines[0]
    made = dead_leaves(1, deconv_held_out.DEMO_SIDE, 1).pixels(0)
    assert report.per_image[0].input_psnr == pytest.approx(
        reference(squeezed(noisy(made, 0)), made[:, :, 0])[0], abs=1e-6
    )
    photos = folder_of(tmp_path / "photos")
    save_run(run, network_of(run), Restoration("denoise", (25.0, 25.0)), data=[photos])
    found = evaluate(EvalConfig(run=run))  # one image of three, at the default --val
    every = measured(run, photos).per_image
    assert [row.name for row in found.per_image] == ["2.png"]
    assert found.per_image[0].input_psnr == pytest.approx(every[2].input_psnr, abs=0.5)
    (run / "config.toml").unlink()
    with pytest.raises(DlcliError, match="what the run was trained on is not known"):
        evaluate(EvalConfig(run=run))


def test_eval_writes_nothing_into_the_run(tmp_path):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "photos")
    before = sorted((p.name, p.stat().st_mtime_ns) for p in run.rglob("*"))
    measured(run, photos, out=tmp_path / "report.json")
    assert sorted((p.name, p.stat().st_mtime_ns) for p in run.rglob("*")) == before
    assert (tmp_path / "report.json").stat().st_size > 100


def deep_run(folder, scales, task="denoise", **restoration):
    """A network that gives back the base of what it is given, trained on images of these scales."""
    run = make_run(folder, task, identity=True, **restoration)
    saved = SavedNetwork.load(run / "model.safetensors")
    (run / "model.safetensors").write_bytes(dataclasses.replace(saved, scales=scales).to_bytes())
    return run


@pytest.mark.parametrize(
    ("scales", "values"),
    [(COUNTS, smooth(40, 50)), (EIGHT_BITS, smooth(40, 50).astype(np.uint16) * 16), (COUNTS, smooth(40, 50) / 255),
     (COUNTS, 100 + 0.8 * smooth(40, 50))],
    ids=["8 bits by a deep network", "12 bits by one of 8", "floats by one of counts", "its own counts as floats"],
)  # fmt: skip
def test_the_error_is_in_the_units_of_the_images(tmp_path, scales, values):
    """Beside NumPy's, of noise that has a tenth of the range; a check sees the same number."""
    run = deep_run(tmp_path / "run", scales, sigma=(25.5, 25.5))
    given = values if values.dtype.kind == "u" else values.astype(np.float32)
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "in" / "a.tif", given)
    progress = Recorder()
    report = evaluate(EvalConfig(run=run, data=(str(tmp_path / "in"),), check=("rmse<=1e9", "input_rmse>=0")), progress)
    assert [check.holds for check in report.checks] == [True, True]
    row = report.per_image[0]
    assert row.rmse == report.checks[0].value == report.metrics["test"]["rmse"]
    span = report.psnr_range
    assert span == {np.uint8: 255, np.uint16: 4095}.get(given.dtype.type, 1 if given.max() < 2 else 230)
    assert row.rmse == pytest.approx(0.1 * span, rel=0.08)  # what is outside the range of 8 and 16 bits is cut off
    assert row.psnr == pytest.approx(20 * np.log10(span / row.rmse), abs=0.05)
    told = " ".join(progress.lines)
    assert (f"noise of sigma {0.1 * span:.3g} is added, as large a share" in told) == (span != 230)


def test_targets_are_of_the_kind_that_the_network_gives(tmp_path):
    run = deep_run(tmp_path / "run", COUNTS, "pairs")
    counts = (100 + 0.8 * smooth(40, 50)).astype(np.uint16)
    for name, values in (("bytes", smooth(40, 50)), ("counts", counts), ("floats", counts.astype(np.float32))):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", values)
    assert measured(run, tmp_path / "counts", tmp_path / "floats").metrics["test"]["rmse"] == pytest.approx(0, abs=1e-3)
    assert measured(run, tmp_path / "bytes", tmp_path / "bytes").metrics["test"]["rmse"] == 0
    for given, wanted in (("bytes", "counts"), ("counts", "bytes")):
        with pytest.raises(DlcliError, match="and for these inputs the network gives"):
            measured(run, tmp_path / given, tmp_path / wanted)


def test_that_images_become_worse_is_said(tmp_path):
    progress = Recorder()
    evaluate(
        EvalConfig(run=make_run(tmp_path / "run"), data=(str(folder_of(tmp_path / "photos")),), sigma="1"), progress
    )
    assert any(line.startswith("the network makes these images worse: ") for line in progress.lines)
