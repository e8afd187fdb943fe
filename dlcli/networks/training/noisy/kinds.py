"""The noise that --noise names: whether it goes with the images, and what it is where it is measured of others."""

from dlcli.config.train_deconv import TrainDeconvConfig
from dlcli.config.values.noise_kind import CAMERA, images_of
from dlcli.degradations.task import BOTH, Restoration
from dlcli.errors import DlcliError
from dlcli.images.image_set import open_image_set
from dlcli.images.normalization import Normalization
from dlcli.networks.data.load import TrainingImages
from dlcli.networks.data.noise.measured import noise_of
from dlcli.networks.data.noise.set_noise import SetNoise
from dlcli.text import printable_path


def noise_like(config: TrainDeconvConfig, images: TrainingImages) -> SetNoise | None:
    """What was measured of the images in ``--noise auto:FOLDER``; None for another noise.

    Raises DlcliError where the images that train are not as such noise needs them, and where none can be measured.
    """
    train = images.train
    if config.noise == CAMERA:
        if not images.scales.eight_bit or train.channels not in (1, 3):
            have = train.dtype.name if not images.scales.eight_bit else f"of {train.channels} channels"
            raise DlcliError(
                f"--noise camera is for gray or color images of 8 bits, as cameras write them, and these are {have}",
                "give --poisson and --sigma, or --noise auto:FOLDER with noisy images of the kind",
            )
        return None
    folder = images_of(config.noise)
    if folder is None:
        return None
    try:
        noisy = open_image_set((folder,), channels=train.channels, axes=config.axes or "")
        if noisy.dtype != train.dtype:
            raise DlcliError(
                f"the noisy images are {noisy.dtype.name}, and those to train on {train.dtype.name}",
                "give noisy images of their type",
            )
        return noise_of(noisy, images.scales.targets)
    except DlcliError as error:
        raise DlcliError(f"--noise auto: {error.message}", error.hint, error.exit_code) from None


def noise_in_words(config: TrainDeconvConfig, restoration: Restoration, scale: Normalization) -> str:
    """What the header says of the noise, in the units of the images."""
    low, high = (float(f"{scale.noise(sigma):.4g}") for sigma in restoration.sigma)
    sigma = f" of sigma {low:g}" + (f" to {high:g}" if high > low else "")
    if not scale.eight_bit:
        sigma += f" ({restoration.sigma[1] / 2.55:.3g}% of the range)"
    if restoration.noise == CAMERA:
        return f" of a camera's noise{sigma} on gray"
    if (folder := images_of(config.noise)) is not None:
        return f" of noise as measured in {printable_path(folder)}"
    if config.poisson is None:
        return sigma
    read = f", and{sigma.removeprefix(' of')}" if restoration.noise == BOTH and high else ""
    return f" (Poisson, {config.poisson:g} photons{read})"
