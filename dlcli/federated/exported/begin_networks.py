"""The network that clients begin with: its shape, its task, its classes and its settings, which all agree on."""

from collections.abc import Sequence
from dataclasses import dataclass

from dlcli import __version__
from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.values.blur import BlurRange
from dlcli.engine.progress import Progress, Silent
from dlcli.engine.ranks import ALONE
from dlcli.errors import DlcliError
from dlcli.federated.exported.write import Client
from dlcli.networks.data.facts import ImageFacts
from dlcli.networks.data.fingerprint import fingerprint_of
from dlcli.networks.data.load import read_images
from dlcli.networks.model.saved import SavedNetwork
from dlcli.networks.model.start import Start
from dlcli.networks.training.plan import image_settings, make_plan, resolved, restoration_of
from dlcli.networks.training.problem import make_problem
from dlcli.networks.training.trainer import prepare_torch
from dlcli.reports.document import Fingerprint, environment
from dlcli.reports.train_deconv import ImageCounts, LastStep, TrainDeconvReport
from dlcli.text import listed


@dataclass(frozen=True)
class FirstNetwork:
    """What clients begin with, settings without a choice that is left open, and its report: nothing is trained yet."""

    network: SavedNetwork
    config: TrainDeconvConfig
    report: TrainDeconvReport


def first_network(config: TrainDeconvConfig, progress: Progress) -> FirstNetwork:
    """A network with the weights that training would begin with, and what goes with it.

    Raises DlcliError for what clients can't agree on.
    """
    _refuse(config)
    images = read_images(image_settings(config), progress)
    start = Start.of(config.start, images.train.channels) if config.start else None
    config = start.adopted(config) if start else config
    restoration = restoration_of(config, images.scales, None, None)
    plan = make_plan(config, ImageFacts.of(images, restoration), "cpu", ALONE)
    prepare_torch(config.seed, config.threads)
    config = resolved(config, plan)
    problem = make_problem(plan, images, restoration, start=start)
    state = {name: tensor.detach().clone() for name, tensor in problem.network.state_dict().items()}
    task = restoration.to_json() | {"channels": plan.spec.output_channels}
    network = SavedNetwork(plan.spec, state, task, images.train.classes, restoration.arrays or {}, problem.scales)
    # The weights come with each round's model, and an --init of a machine's own would be looked for elsewhere.
    config = config.model_copy(update={"init": None, "channels": images.train.channels, "color": None})
    report = TrainDeconvReport(
        dlcli=__version__, command="train-deconv", run="", device="cpu", seed=config.seed, seconds=0.0, steps=0,
        status="finished", reason="nothing is trained yet", signal=None, task=config.task, arch=config.arch,
        weights=sum(tensor.numel() for tensor in state.values()), optimizer=plan.optimizer.name, lr=plan.optimizer.lr,
        batch_size=plan.batches.size, loss=plan.loss, images=ImageCounts(train=len(images.train), val=0),
        fingerprint=Fingerprint.model_validate(fingerprint_of(images, [restoration])), too_small_images=0,
        crop=plan.batches.side, validation=None, skipped_images=0, skipped_steps=0, images_per_second=None, best_step=0,
        metrics={}, last=LastStep(step=0, metrics={}), warnings=[], environment=environment("cpu"),
        classes=list(images.train.classes) or None,
    )  # fmt: skip
    return FirstNetwork(network, config, report)


def check_alike(network: SavedNetwork, config: TrainDeconvConfig, clients: Sequence[Client]) -> None:
    """Raises DlcliError for a client without images, or with other classes or another range than all together."""
    for client in clients:
        try:
            images = read_images(image_settings(config.model_copy(update={"data": client.data})), Silent())
        except DlcliError as error:
            raise DlcliError(f"client {client.name}: {error.message}", error.hint) from None
        if images.train.classes != network.classes:
            raise DlcliError(
                f"client {client.name} has the classes {listed(images.train.classes)}, and all together "
                f"{listed(network.classes)}", "give each client a folder for every class, with at least an image in it",
            )  # fmt: skip
        if images.scales != network.scales:
            raise DlcliError(
                f"client {client.name}: its images have another range of values than the others'",
                "give clients images of the same depth",
            )


def _refuse(config: TrainDeconvConfig) -> None:
    measured = {
        "--targets noisy": config.targets == "noisy",
        f"--noise {config.noise}": (config.noise or "").startswith("auto"),
    }  # fmt: skip
    for name, given in measured.items():
        if given:
            raise DlcliError(
                f"{name} measures the noise, which each client would find another", "give clean images and --sigma"
            )
    if config.mask is not None or (config.task == "deblur" and _is_file(config.blur)):
        raise DlcliError("--mask and a --blur of a file are not at the clients", "use --holes, or a --blur by its name")


def _is_file(blur: str) -> bool:
    return BlurRange.parse(blur) is None and blur.partition(":")[0] not in ("gaussian", "motion")
