"""Ranges of blurs as text: what is one, what is a single blur, and what is neither."""

import pytest

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.values.blur import BlurRange


@pytest.mark.parametrize(
    ("text", "expected"),
    [("gaussian:0.8:3", ("gaussian", 0.8, 3, None)), ("motion:5:25:30", ("motion", 5, 25, 30)),
     ("motion:5:25:any", ("motion", 5, 25, None)), ("motion:15:any", ("motion", 15, 15, None)),
     ("gaussian:2:2", ("gaussian", 2, 2, None))],
)  # fmt: skip
def test_ranges(text, expected):
    found = BlurRange.parse(text)
    assert (found.kind, found.low, found.high, found.angle) == expected


@pytest.mark.parametrize(
    "text", ["gaussian:1.6", "motion:15:30", "kernel.npy", "k.npz:k3", "gaussian:1:2:3", "box:1:2", ""]
)
def test_what_is_no_range(text):
    assert BlurRange.parse(text) is None


@pytest.mark.parametrize(
    "text",
    ["gaussian:3:1", "gaussian:0:2", "gaussian:1:16", "gaussian:a:b", "gaussian:nan:2", "motion:0:5:any",
     "motion:5:200:any", "motion:5:9:inf", "motion:5:x:any"],
)  # fmt: skip
def test_bad_ranges_are_refused(text):
    with pytest.raises(ValueError, match="is no range of blurs: expected"):
        BlurRange.parse(text)
    with pytest.raises(ValueError, match="is no range of blurs"):
        TrainDeconvConfig(task="deblur", blur=text)


@pytest.mark.parametrize(
    ("within", "text", "holds"),
    [("gaussian:0.8:3", "gaussian:1.6", True), ("gaussian:0.8:3", "gaussian:3.1", False),
     ("gaussian:0.8:3", "gaussian:1:2", True), ("gaussian:0.8:3", "motion:2:0", False),
     ("gaussian:0.8:3", "k.npy", False), ("gaussian:0.8:3", "gaussian:x", False),
     ("motion:5:25:any", "motion:9:77", True), ("motion:5:25:any", "motion:5:9:any", True),
     ("motion:5:25:30", "motion:9:210", True),
     ("motion:5:25:30", "motion:9:31", False), ("motion:5:25:30", "motion:9:any", False)],
)  # fmt: skip
def test_what_a_range_holds(within, text, holds):
    assert BlurRange.parse(within).holds(text) == holds


def test_noise_of_a_range_goes_with_a_range_of_blurs():
    assert TrainDeconvConfig(task="deblur", blur="gaussian:1:2", sigma="0:10").sigma_range == (0, 10)
    with pytest.raises(ValueError, match="it takes one of noise"):
        TrainDeconvConfig(task="deblur", sigma="0:10")
