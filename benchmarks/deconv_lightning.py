"""The same network in Lightning, with everything off that the other loops don't do."""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning
import torch
from deconv_peers import PlainNet, Run, check, loader
from deconv_setup import Case
from torch import Tensor
from torch.nn import functional as F

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Module(lightning.LightningModule):
    """The plain network."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.network, self.loss = PlainNet(case.plan.spec), case.plan.loss
        check(self.network)

    def training_step(self, batch: Any, index: int) -> Tensor:
        """The loss of a batch."""
        x, y = batch
        output = self.network(x)
        return F.binary_cross_entropy(output.float(), y) if self.loss == "bce" else F.mse_loss(output, y)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam, as in the plain loop."""
        return torch.optim.Adam(self.network.parameters(), lr=1e-3)


class Until(lightning.Callback):
    """Stops after the batch at which it is over."""

    def __init__(self, over: Callable[[], bool]) -> None:
        self.over, self.images, self.begun = over, 0, False

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        """Count the images of the batch; the first one's time is the trainer's start, which nobody is charged for."""
        self.images += len(batch[0]) * self.begun
        self.begun = True
        if self.over():
            trainer.should_stop = True


@dataclass
class LightningLoop:
    """Trainer with this precision."""

    precision: Any

    def __call__(self, case: Case) -> Run:
        """The loop, ready to run."""
        module, batches = Module(case), loader(case)

        def run(over: Callable[[], bool]) -> int:
            until = Until(over)
            trainer = lightning.Trainer(
                accelerator="cpu", precision=self.precision, logger=False, enable_checkpointing=False,
                enable_progress_bar=False, enable_model_summary=False, callbacks=[until], max_epochs=-1,
            )  # fmt: skip
            trainer.fit(module, batches)
            return until.images

        return run


LIGHTNING: dict[str, Callable[[Case], Run]] = {
    "Lightning, 32-true": LightningLoop("32-true"),
    "Lightning, bf16-mixed": LightningLoop("bf16-mixed"),
}
