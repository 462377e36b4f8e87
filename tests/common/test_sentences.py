"""Numbers as sentences show them."""

import pytest

from hwlib.common.sentences import signed


@pytest.mark.parametrize(
    ("value", "form", "text"), [(-0.15, "+.3f", "−0.150"), (3, "+d", "+3"), (-2, "+.0f", "−2")]
)
def test_a_number_has_its_sign(value, form, text):
    assert signed(value, form) == text
