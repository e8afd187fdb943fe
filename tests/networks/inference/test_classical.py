"""The classical methods of ``dlcli eval --compare``: on the same observations, and better than nothing."""

import numpy as np
import pytest
from PIL import Image
from skimage import restoration

from dlcli.config.evaluate import EvalConfig
from dlcli.errors import DlcliError
from dlcli.networks.inference import classical
from dlcli.tasks.evaluate import evaluate
from tests.networks.examples import (
    KERNELS,
    Recorder,
    as_bytes,
    folder_of,
    make_run,
    measured,
    noisy,
    reference,
    save,
    smooth,
)


def test_classical_denoisers_get_the_same_noise(tmp_path):
    run, photos = make_run(tmp_path / "run"), folder_of(tmp_path / "photos", sizes=((48, 56),))
    report = measured(run, photos, compare=True)
    clean = np.asarray(Image.open(photos / "0.png"))
    shown = noisy(clean, 0)
    image = shown[0, 0].double().numpy()
    sigma = float(np.sqrt(np.mean((image - clean / 255) ** 2)))
    expected = restoration.denoise_nl_means(image, 5, 6, h=0.7 * sigma, fast_mode=True, sigma=sigma)
    assert report.compare["non-local means"].psnr == pytest.approx(reference(as_bytes(expected), clean)[0], abs=1e-3)
    assert set(report.compare) == {"non-local means", "total variation", "wavelets"}
    assert all(m.psnr > report.metrics["test"]["input_psnr"] for m in report.compare.values())
    assert report.seconds_per_image > 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("task", ["denoise", "deblur", "upscale", "inpaint"])
def test_classical_methods_improve_on_the_input(tmp_path, task, channels):
    extra = {"deblur": {"sigma": (2.55, 2.55), "arrays": KERNELS}}.get(task, {})
    run = make_run(tmp_path / "run", task, channels=channels, identity=True, **extra)
    report = measured(run, folder_of(tmp_path / "photos", ((48, 56), (51, 40)), channels), compare=True)
    known = report.metrics["test"]["input_psnr"]
    assert all(m.psnr >= known for m in report.compare.values())
    if task == "deblur":
        # Our regularization is scikit-image's: the two filters are one.
        found = report.compare
        assert found["wiener"].psnr == pytest.approx(found["dlcli's wiener"].psnr, abs=0.05)
    if task == "upscale":
        assert report.compare["bicubic"].psnr == known


def test_pairs_are_compared_with_denoisers_that_estimate(tmp_path):
    clean, random = smooth(48, 56), np.random.default_rng(0)
    given = np.clip(np.round(clean + random.normal(0, 20, clean.shape)), 0, 255).astype(np.uint8)
    save(tmp_path / "clean" / "a.png", clean)
    save(tmp_path / "given" / "a.png", given)
    run = make_run(tmp_path / "run", "pairs", identity=True)
    report = measured(run, tmp_path / "given", tmp_path / "clean", compare=True)
    assert report.compare["wavelets"].psnr > report.metrics["test"]["input_psnr"] + 3


def test_nothing_classical_reconstructs(tmp_path):
    run, progress = make_run(tmp_path / "run", "reconstruct"), Recorder()
    report = evaluate(EvalConfig(run=run, data=(str(folder_of(tmp_path / "photos")),), compare=True), progress)
    assert report.compare == {}
    assert "no classical method" in progress.lines[0]


def test_compare_without_scikit_image(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(classical, "import_module", missing)
    with pytest.raises(DlcliError, match="--compare needs skimage") as caught:
        measured(make_run(tmp_path / "run"), folder_of(tmp_path / "photos"), compare=True)
    assert "dlcli[compare]" in caught.value.hint
