"""Settings of ``dlcli federate train-deconv``."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from dlcli.config.common import TRAINING
from dlcli.config.federated.options import FEDERATION, ROUNDS, FederationOptions
from dlcli.config.option import option
from dlcli.config.train_deconv import TrainDeconvConfig

LOCAL_STEPS = 20
CLASS_BATCH = 32  # images of a step: a client has fewer than all have
CLASS_RATE = 0.02  # of Muon, whose moments begin anew in each round
BUILT_IN = {"clients": ("4",), "rounds": 12, "local_steps": 5}  # on the generated images, where nothing else is given


# Pydantic takes the fields from the last base on.
class FederateDeconvConfig(TrainDeconvConfig, FederationOptions):
    """Networks of convolutions and deconvolutions, trained over images that stay apart."""

    command: ClassVar[str] = "federate train-deconv"

    fuse: Literal["auto", "on", "off"] = option(
        "auto", "Train the clients of a round at once, in one stack of networks; auto: where a few steps show that it "
        "is faster.", panel=TRAINING, also="stack batched vectorize parallel_clients",
    )  # fmt: skip
    pooled: bool | None = option(
        None,
        "Also train on all images at once, as train-deconv does, for as many steps, and draw both. By default where "
        "images are dealt out to K clients.",
        panel=FEDERATION, flags=("--pooled/--no-pooled",), also="compare centralized baseline centralised",
    )  # fmt: skip

    @property
    def total_rounds(self) -> int:
        """How many rounds there are."""
        return self.rounds or ROUNDS

    @property
    def steps_of_round(self) -> int:
        """Steps of a client in a round."""
        return self.local_steps or LOCAL_STEPS

    @property
    def compares(self) -> bool:
        """Whether it is trained on all images at once, too."""
        return self.parts is not None if self.pooled is None else self.pooled

    def with_defaults(self) -> Self:
        """What nobody gave, as suits clients: smaller batches of class images, nothing dropped, and a larger rate.

        Networks without dropout can be trained in one stack.
        """
        given = {name for name in self.model_fields_set if getattr(self, name) is not None}
        usual: dict[str, object] = {"rounds": self.total_rounds, "local_steps": self.steps_of_round}
        if not self.data and not self.start:
            usual |= BUILT_IN
        if self.task == "classify":
            usual |= {"batch_size": CLASS_BATCH, "dropout": 0.0}
            if self.start is None and self.optimizer in (None, "muon") and self.arch in ("fast", "deep"):
                usual["lr"] = CLASS_RATE
        chosen = self.model_copy(update={name: value for name, value in usual.items() if name not in given})
        return chosen.model_copy(update={"steps": chosen.total_rounds * chosen.steps_of_round})

    @model_validator(mode="after")
    def _federated(self) -> Self:
        if self.trained_by.name == "exact":
            raise ValueError("--algorithm exact is for linear models: networks take fedavg or fedprox")
        self.check_federation(averages=True)
        if self.dp_clip is not None and not self.is_private:
            raise ValueError("--dp-clip needs --dp-noise or --dp-epsilon: for example add --dp-noise 1")
        self._check_clients()
        self._check_training()
        return self

    def _check_clients(self) -> None:
        """Raise ValueError for clients that these options can't have."""
        if self.parts is None and self.task == "pairs":
            raise ValueError(
                "--task pairs: its two folders are inputs and targets; give --clients K, which deals them out"
            )
        if self.parts is None and len(self.data) < 2:
            got = f"got {self.data[0]}" if self.data else "got none"
            raise ValueError(f"--clients each: expected the data of at least 2 clients, {got}")
        if self.partition != "iid" and not self.data:
            raise ValueError(f"--partition {self.partition} needs DATA")

    def _check_training(self) -> None:
        """Raise ValueError for what there isn't where images stay apart."""
        for name in ("epochs", "minutes"):
            if getattr(self, name) is not None:
                raise ValueError(f"--{name} isn't there for clients: give --rounds and --local-steps")
        if self.steps is not None:
            raise ValueError(f"--steps {self.steps} isn't there for clients: give --rounds and --local-steps")
        refused = {
            "--targets noisy": (self.targets == "noisy", "train on clean images"),
            "--class-weight": (self.class_weight, "it needs the numbers of images of each class, which clients keep"),
            "--ema": (self.ema, "the server's mean over clients takes its place; leave it out"),
            f"--schedule {self.schedule}": (
                self.schedule in ("adagrad", "hypergradient", "polyak", "barzilai-borwein"),
                "it looks at gradients, and each client has its own; take polynomial, cosine or another",
            ),
        }
        for name, (given, instead) in refused.items():
            if given:
                raise ValueError(f"{name} isn't there for images that stay apart: {instead}")
