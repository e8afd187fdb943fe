"""What is said where there is no such CUDA device: what was found."""

import pytest
import torch

from dlcli.engine import device
from dlcli.engine.device import Driver, pick_device, pick_network_device
from dlcli.errors import DlcliError


@pytest.fixture
def machine(monkeypatch):
    """Make this a machine with this driver, this build of torch, and as many devices as torch finds."""

    def become(driver, build, devices):
        monkeypatch.setattr(device, "cuda_driver", lambda: driver)
        monkeypatch.setattr(torch.version, "cuda", build)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: devices > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)

    return become


@pytest.mark.parametrize("pick", [pick_device, pick_network_device])
@pytest.mark.parametrize(
    ("driver", "build", "devices", "asked", "found", "remedy"),
    [
        (None, None, 0, "cuda", "there is no NVIDIA driver here", "--device cpu"),
        (Driver("12.4", 2), None, 0, "cuda", "for CUDA 12.4, has 2 devices, but torch", "CUDA build"),
        (Driver("11.4", 1), "13.0", 0, "cuda:0", "has 1 device, but torch", "update the driver"),
        (Driver("12.4", 0), "12.8", 0, "cuda", "shows no device (CUDA_VISIBLE_DEVICES is '')", "--device cpu"),
        (Driver("12.4", 1), "12.8", 1, "cuda:3", "is cuda:0 alone", "give another"),
        (Driver("12.4", 4), "12.8", 4, "cuda:4", "are cuda:0 to cuda:3", "give another"),
    ],
)
def test_what_was_found(machine, monkeypatch, pick, driver, build, devices, asked, found, remedy):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    machine(driver, build, devices)
    with pytest.raises(DlcliError) as refused:
        pick(asked)
    assert f"--device {asked}" in refused.value.message
    assert found in refused.value.message
    assert remedy in refused.value.hint


def test_taken_where_it_is(machine):
    machine(Driver("12.8", 2), "12.8", 2)
    assert pick_device("cuda:1") == "cuda:1"
    assert pick_network_device("auto") == "cuda"
    assert pick_device("auto", 10) == "cpu"
    assert pick_device("auto", 10**9) == "cuda"
