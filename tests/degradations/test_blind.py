"""Blurs of a range: each kernel as the one made alone, drawn for each image, and measured at its parts."""

import numpy as np
import pytest
import torch

from dlcli.config.values.blur import BlurRange
from dlcli.degradations.blind import BlindDeblur, Fixed, Ranged
from dlcli.degradations.blur import Deblur
from dlcli.degradations.kernels import gaussian_kernel, motion_kernel, parse_blur
from dlcli.degradations.noise import Denoise
from dlcli.degradations.task import ByChannel, Restoration
from dlcli.errors import DlcliError

SHARP = Denoise(0, 0)


def ranged(text):
    return Ranged(BlurRange.parse(text))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def image(*shape):
    return torch.rand(shape, generator=seeded(9))


def centered(kernel, radius):
    rows, columns = (radius - side // 2 for side in kernel.shape)
    return np.pad(kernel, ((rows, rows), (columns, columns)))


@pytest.mark.parametrize("text", ["gaussian:0.8:3", "motion:4:16:any", "motion:4:16:77", "motion:9:any"])
def test_each_kernel_is_that_made_alone(text):
    blurs, draws = ranged(text), torch.rand((12, 2), generator=seeded())
    kernels = blurs.drawn(draws)
    within = blurs.range
    for draw, kernel in zip(draws.tolist(), kernels.numpy(), strict=True):
        size = within.low + (within.high - within.low) * draw[0]
        angle = within.angle if within.angle is not None else 180 * draw[1]
        alone = gaussian_kernel(size) if within.kind == "gaussian" else motion_kernel(size, angle)
        assert kernel == pytest.approx(centered(alone, blurs.radius), abs=2e-6)


def test_images_are_blurred_as_by_a_known_kernel():
    clean = image(2, 3, 40, 31)
    for text in ("gaussian:1.3", "motion:7:20"):
        known = Deblur(parse_blur(text), 0).observe(clean, seeded()).shown
        blind = BlindDeblur(Fixed(parse_blur(text)), SHARP).observe(clean, seeded())
        torch.testing.assert_close(blind.shown, known, atol=2e-6, rtol=0)
        assert blind.input is blind.base is blind.shown


def test_blur_and_noise_are_drawn_for_each_image():
    clean = image(1, 1, 64, 64).expand(40, -1, -1, -1)
    deblur = BlindDeblur(ranged("gaussian:0.8:3"), SHARP)
    seen = deblur.observe(clean, seeded())
    contrast = seen.shown.std((1, 2, 3))
    bounds = [float(BlindDeblur(Fixed([gaussian_kernel(s)]), SHARP).observe(clean[:1], seeded()).shown.std())
              for s in (3, 0.8)]  # fmt: skip
    assert bounds[0] <= float(contrast.min()) < float(contrast.max()) <= bounds[1]
    assert len(set(contrast.tolist())) == 40
    assert torch.equal(deblur.observe(clean, seeded()).shown, seen.shown)
    flat = torch.full((200, 1, 60, 60), 0.5)
    noise = BlindDeblur(ranged("gaussian:0.8:3"), Denoise(5, 15)).observe(flat, seeded()).shown.std((1, 2, 3)) * 255
    assert (float(noise.min()), float(noise.mean()), float(noise.max())) == pytest.approx((5, 10, 15), rel=0.1)


def test_a_margin_of_the_radius_keeps_crops_from_wrapping_around():
    clean = image(1, 1, 80, 80)
    deblur = BlindDeblur(ranged("motion:3:11:any"), SHARP)
    margin = deblur.margin
    assert margin == 5
    whole = deblur.observe(clean, seeded()).shown[..., 20:50, 20:50]
    cut = clean[..., 20 - margin : 50 + margin, 20 - margin : 50 + margin]
    crop = deblur.observe(cut, seeded()).shown[..., margin:-margin, margin:-margin]
    torch.testing.assert_close(crop, whole, atol=2e-6, rtol=0)


def test_parts_are_measured_under_their_names():
    names = [level.blurred_by for level in BlindDeblur(ranged("gaussian:0.9:2.7"), Denoise(0, 10)).levels()]
    assert names == ["gaussian:1.2", "gaussian:1.8", "gaussian:2.4"]
    levels = BlindDeblur(ranged("motion:4:16:any"), Denoise(0, 10)).levels()
    assert [level.blurred_by for level in levels] == ["motion:6:30", "motion:10:90", "motion:14:150"]
    assert {level.level for level in levels} == {5}
    single = BlindDeblur(Fixed(parse_blur("gaussian:1")), Denoise(0, 6)).levels()
    assert [(level.level, level.blurred_by) for level in single] == [(1, None), (3, None), (5, None)]
    assert BlindDeblur(ranged("gaussian:1:2"), SHARP).at_sigma(4, (1.0, 2.0)).added == Denoise(4, 4, (1.0, 2.0))


def test_a_model_keeps_the_range():
    task = Restoration("deblur", (0.0, 10.0), arrays={}, blur="motion:5:25:any", by_channel=ByChannel((1.0, 2.0)))
    again = Restoration.of_saved(task.to_json(), {})
    assert again == task
    made = again.degradation()
    assert isinstance(made, BlindDeblur)
    assert (made.blurs, made.added) == (ranged("motion:5:25:any"), Denoise(0, 10, (1.0, 2.0)))
    assert made.input_channels(3) == 3


def test_images_smaller_than_a_kernel_are_refused():
    with pytest.raises(DlcliError, match="an image of 8x30 is smaller than the blur kernel of 13x13"):
        BlindDeblur(ranged("gaussian:1:1.5"), SHARP).observe(image(1, 1, 8, 30), seeded())
