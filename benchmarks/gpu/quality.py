"""How good a network becomes, and how soon: PSNR on Set12, or on generated images, while one training runs."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.degradations.noise import Denoise
from dlcli.engine.loop import train
from dlcli.engine.progress import Silent
from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.image_set import ImageSet, open_image_set
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.data.load import read_images
from dlcli.networks.inference.trained import exactly
from dlcli.networks.metrics import psnr
from dlcli.networks.model.deconv import DeconvNet
from dlcli.networks.tensors import image_to_tensor
from dlcli.networks.training.batches import generator_for
from dlcli.networks.training.factory import make_solver
from dlcli.networks.training.plan import image_settings, make_plan, restoration_of
from dlcli.networks.training.problem import make_problem
from gpu.setting import Setting
from gpu.table import Table

SIGMA = 25.0
TARGETS = {30.44: 180.0, 30.6: 600.0}  # dB on Set12, and the seconds within which an H100 should reach them
MOMENTS = (60.0, 120.0, 180.0, 300.0)
REST = 20.0  # seconds of the section beside the training
OTHERS = 12  # generated images, where there is no Set12


class Measured:
    """PSNR of whole images by the published protocol, as ``validate`` of a training loop."""

    def __init__(self, images: ImageSet, network: DeconvNet, device: str) -> None:
        self.network, self.found = network.eval(), list[tuple[float, float]]()
        self.begun = time.monotonic()
        degradation = Denoise(SIGMA, SIGMA)
        self.samples = []
        for index in range(len(images)):
            clean = image_to_tensor(images.pixels(index), device)
            # From the CPU: the same noise on every device.
            self.samples.append((degradation.observe(clean, generator_for(0, index, "cpu")).input, clean))

    def __call__(self, state: dict[str, Tensor]) -> dict[str, float]:
        """The mean PSNR, and the loss that the loop asks for."""
        self.network.load_state_dict(state)
        with exactly():
            values = [float(psnr(self.network(noisy), clean)) for noisy, clean in self.samples]
        self.found.append((time.monotonic() - self.begun, float(np.mean(values))))
        return {"loss": -self.found[-1][1], "psnr": self.found[-1][1]}


def quality(setting: Setting, table: Table) -> None:
    """One training of ``setting.minutes`` with the default network for that time."""
    data = (setting.leaves(1),) if setting.photographs is None else (str(setting.photographs),)
    minutes = min(setting.minutes, (setting.left() - REST) / 60)
    if minutes < setting.minutes:
        table.add("minutes", f"{minutes:.2f}, as no more time is left")
    limit = {"steps": 4, "report_every": 2, "filters": "8"} if setting.quick else {"minutes": max(minutes, 0.1)}
    config = TrainDeconvConfig.build(
        {"data": data, "sigma": str(SIGMA), "device": setting.device, "val": 0.0, "color": False, "plots": "none",
         **limit, **setting.sizes}
    )  # fmt: skip
    images = read_images(image_settings(config), Silent())
    restoration = restoration_of(config)
    plan = make_plan(config, ImageFacts.of(images, restoration), setting.device)
    torch.manual_seed(config.seed)
    tested = (
        dead_leaves(3 if setting.quick else OTHERS, 64, 1, 1)
        if setting.set12 is None
        else open_image_set([str(setting.set12)])
    )
    network = DeconvNet(plan.spec).to(setting.device)
    measure = Measured(tested, network.to(memory_format=torch.channels_last), setting.device)  # type: ignore[call-overload]
    setting.reset_peak()
    solver = make_solver(plan, make_problem(plan, images, restoration))
    measure.begun = time.monotonic()
    steps = list(train(solver, plan.limits.criteria(), measure))
    spent = time.monotonic() - measure.begun
    spec = plan.spec
    what = f"filters {','.join(map(str, spec.filters))}, depth {spec.depth}, batches of {plan.batches.size}"
    table.add("network", f"{what} of {plan.batches.side} pixels, {plan.optimizer.name}, {len(images.train)} images")
    table.add("steps", f"{steps[-1].step:,} in {spent:.1f} s; {setting.peak()}", steps[-1].status != "diverged")
    name = "generated images" if setting.set12 is None else "Set12"
    for moment in MOMENTS:
        known = [value for seconds, value in measure.found if seconds <= moment + 1]
        if setting.quick or moment > spent + 1:
            break
        # The rate falls to 0 over the whole run only, so what came before could have been better.
        table.add(f"PSNR on {name} after {moment:.0f} s", f"{known[-1]:.2f} dB")
    table.add(f"PSNR on {name} at the end", f"{measure.found[-1][1]:.2f} dB (noisy input {_input(measure):.2f})",
              measure.found[-1][1] > _input(measure) if not setting.quick else None,
              curve=measure.found)  # fmt: skip
    if setting.set12 is not None and setting.photographs is not None and not setting.quick:
        _times(measure, spent, setting, table)


def _times(measure: Measured, spent: float, setting: Setting, table: Table) -> None:
    for target, within in TARGETS.items():
        reached = next((seconds for seconds, value in measure.found if value >= target), None)
        text = "not reached" if reached is None else f"{reached:.0f} s"
        judged = setting.on_gpu and spent + 1 >= within
        good = reached is not None and reached <= within if judged else None
        table.add(f"time to {target:g} dB", f"{text} (within {within:.0f} s on an H100)", good)


def _input(measure: Measured) -> float:
    return float(np.mean([float(psnr(noisy, clean)) for noisy, clean in measure.samples]))


def found_folder(given: Path | None, name: str) -> Path | None:
    """``given``, or the folder of that name of the test data, where there are some."""
    near = Path(__file__).resolve().parents[2] / "shared" / "data" / "images" / name
    beside = Path(__file__).resolve().parents[3] / "shared" / "data" / "images" / name
    return given or next((path for path in (near, beside) if path.is_dir()), None)
