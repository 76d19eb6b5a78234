"""How figures are written."""

import pytest

from soundbeam.model.numbers import number


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0.0, "0.000"), (0.12345, "0.123"), (1, "1.000"), (0.9996, "0.999"), (12.5, "12.500")],
)
def test_three_digits_and_never_one_for_less(value, text):
    assert number(value) == text


def test_a_sum_of_thirtieths_is_one():
    assert number(sum([1 / 30] * 30) * 0.9999999999) == "1.000"
