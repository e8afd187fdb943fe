"""The images that a network is measured on where no DATA is given: those that training held out."""

from pathlib import Path

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.engine.progress import Progress, Silent
from dlcli.errors import DlcliError
from dlcli.fingerprint import difference
from dlcli.images.dead_leaves import dead_leaves
from dlcli.images.formats.idx import find_idx
from dlcli.images.image_set import ImageSet, open_image_set
from dlcli.networks.data.fingerprint import fingerprint_of
from dlcli.networks.data.load import DEMO_SIDE, TrainingImages, read_images
from dlcli.networks.inference.trained import TrainedNetwork
from dlcli.networks.training.plan import image_settings
from dlcli.reports.measured_on import MeasuredOn
from dlcli.runs.open import report_of
from dlcli.text import counted, listed

LEAVES, OTHER_SEED = 24, 1  # generated images to measure on, and how far their seed is from that of training


def images_without_data(
    trained: TrainedNetwork, channels: int | None, progress: Progress
) -> tuple[ImageSet, ImageSet | None, MeasuredOn]:
    """Clean images, and the inputs of pairs: the test part of IDX files, else what training held out, else all of it.

    Raises DlcliError where the images aren't those that were trained on any more.
    """
    settings = trained.training_config()
    data = settings.data
    if not data:
        progress.note(f"no DATA given: measuring on {LEAVES} generated images that training has not seen")
        leaves = dead_leaves(LEAVES, DEMO_SIDE, settings.seed_of_data + OTHER_SEED, channels or 1)
        return leaves, None, MeasuredOn(paths=(), part="generated")
    if all(find_idx(Path(path), "test") is not None for path in data):
        progress.note(f"no DATA given: measuring on the test part of {listed(data)}")
        classes = trained.task == "classify"
        tested = open_image_set(data, channels=channels, labeled=classes, part="test", axes=settings.axes or "")
        return tested, None, MeasuredOn(paths=data, part="test")
    images = _as_trained(settings, trained, channels)
    if images.val is None:
        progress.warn(
            f"no DATA given, and training held nothing out: measuring on the training images of {listed(data)}"
        )
        return images.train, images.train_inputs, MeasuredOn(paths=data, part="train")
    validation = report_of(trained.folder).validation
    selected = validation is None or validation.selects
    total = len(images.val) + len(images.train)
    what = f"the {len(images.val):,} of {counted(total, 'image')} of {listed(data)} that were"
    if images.parts is not None:
        what = f"{images.parts.shown(images.train.names)}, which was"
    progress.note(f"no DATA given: measuring on {what} held out in training" + (" and selected on" if selected else ""))
    return images.val, images.val_inputs, MeasuredOn(paths=data, part="held out", selected_on=selected)


def _as_trained(settings: TrainDeconvConfig, trained: TrainedNetwork, channels: int | None) -> TrainingImages:
    """The images of a run, parted as in training. Raises DlcliError where they aren't the same any more."""
    chosen = {} if channels is None else {"color": None, "channels": channels}
    images = read_images(image_settings(settings.model_copy(update=chosen)), Silent())
    report = report_of(trained.folder)
    before = report.images
    now = {"train": len(images.train), "val": len(images.val) if images.val else 0}
    if any(before.get(part, count) != count for part, count in now.items()):
        raise DlcliError(
            f"{listed(settings.data)} has {counted(sum(now.values()), 'image')}, and had {sum(before.values()):,} in "
            "training, so which of them were held out is not known", "give DATA that training has not seen",
        )  # fmt: skip
    known = report.fingerprint
    if known and (changed := difference(known, fingerprint_of(images, [trained.restoration]))):
        raise DlcliError(
            f"{listed(settings.data)} has changed since the network was trained on it ({changed}), so which images "
            "were held out is not known", "give DATA that training has not seen",
        )  # fmt: skip
    return images
