"""What kind of noise --noise names: a camera's, or that of somebody's own noisy images."""

CAMERA = "camera"
LIKE = "auto:"  # in front of the noisy images whose noise is measured
FORMS = "expected camera, or auto:FOLDER with noisy images whose noise is measured; how much there is says --sigma"


def checked(text: str) -> str:
    """--noise as it was given. Raises ValueError for another one."""
    if text != CAMERA and not (text.startswith(LIKE) and text[len(LIKE) :].strip()):
        raise ValueError(FORMS)
    return text


def images_of(text: str | None) -> str | None:
    """The images whose noise is to be measured; None where there are none."""
    return text[len(LIKE) :] if text is not None and text.startswith(LIKE) else None
