"""Qualities of JPEG as text."""

import pytest

from dlcli.config.values.quality import QualityRange


def test_one_and_a_range():
    assert QualityRange.parse("1:100") == QualityRange(1, 100)
    assert (str(QualityRange.parse("10:90")), str(QualityRange.parse("75"))) == ("10 to 90", "75")


@pytest.mark.parametrize("text", ["0", "101", "90:10", "10.5", "", "10:", ":90", "10:20:30", "-5", "low", "²"])
def test_others_are_refused(text):
    with pytest.raises(ValueError, match="expected"):
        QualityRange.parse(text)
