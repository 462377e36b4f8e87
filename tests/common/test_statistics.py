"""Tests of significance."""

import pytest
from scipy.stats import binomtest

from hwlib.common.statistics import mcnemar


@pytest.mark.parametrize("pair", [(0, 5), (1, 4), (5, 1), (12, 3), (40, 41)])
def test_mcnemar_s_exact_test_is_the_sign_test_of_the_pairs_that_differ(pair):
    assert mcnemar(*pair) == pytest.approx(binomtest(pair[0], sum(pair)).pvalue)


def test_without_a_difference_nothing_is_significant():
    assert mcnemar(0, 0) == 1
