"""Tests of significance that several questions and the grading share."""

from math import comb


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (Psychometrika 12, 1947): of two equal
    networks, either is the right one of a pair of different answers as often as the other.
    """
    count, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(count, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**count)
