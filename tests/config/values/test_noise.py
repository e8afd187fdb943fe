"""Amounts of noise: on the data's own scale, or as a share of their range."""

import pytest

from dlcli.config.values.noise import Amount, parse_range


@pytest.mark.parametrize(
    ("text", "on_8_bits", "on_4095"),
    [("25", 25, 25 / 4095 * 255), ("25/255", 25, 25), ("10%", 25.5, 25.5), ("12counts", 12, 12 / 4095 * 255),
     ("1 count", 1, 255 / 4095), ("100/4095", 255 * 100 / 4095, 255 * 100 / 4095)],
)  # fmt: skip
def test_amounts(text, on_8_bits, on_4095):
    amount = Amount.parse(text)
    assert amount.of_255(None) == pytest.approx(on_8_bits)
    assert amount.of_255(4095) == pytest.approx(on_4095)


def test_ranges():
    low, high = parse_range("5/255:20%")
    assert (low.of_255(None), high.of_255(None)) == (5, 51)
    assert parse_range("7") == (Amount(7), Amount(7))


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-1", "5/0", "30/25", "120%", "9:5", "5 apples", "1:2:3"])
def test_what_is_no_amount(text):
    with pytest.raises(ValueError, match="expected"):
        parse_range(text)
