"""What the text of --threshold stands for: a probability, or the way to choose one."""

MAX_F1 = "max-f1"


def parse_threshold(text: str, *, chosen: bool) -> float | str:
    """A probability from 0 to 1 or, where one may be ``chosen``, max-f1. Raises ValueError for another text.

    >>> parse_threshold("0.3", chosen=False), parse_threshold("max-f1", chosen=True)
    (0.3, 'max-f1')
    """
    if text == MAX_F1:
        if chosen:
            return text
        raise ValueError("expected a number from 0 to 1: the rows to predict have no truth to choose by, and eval has")
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError("expected a probability from 0 to 1" + (f", or {MAX_F1}" if chosen else ""))
    return value
