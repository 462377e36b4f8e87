"""Hand-ins that are worth a second look together. A likeness is no guilt: the homework's own recipe
with the same seed gives everybody the same weights.
"""

from collections import Counter
from itertools import combinations
from math import sqrt
from typing import NamedTuple

import numpy as np

from hwlib.grading.record import Record

LEAST_DEVIATIONS = 4.0  # beyond what chance explains, for shared wrong answers
LEAST_SHARED = 4  # wrong answers
COPY_DISTANCE = 1e-5  # a copy, whatever the class
COPY_SHARE = 0.2  # of the usual distance between singular values of independent trainings
LEAST_TEXT = 0.3  # of the own words
LEAST_SHINGLES = 30
MOST_HOLDERS = 10  # of a shingle that is a sign of anything
MOST_PAIRS = 200


class Pair(NamedTuple):
    """Hand-ins that are alike, and in what."""

    submissions: tuple[str, ...]
    evidence: list[str]
    strength: float  # by which the page is sorted


def same_weights(records: list[Record]) -> list[Pair]:
    """Return the groups of hand-ins whose weights are the same numbers."""
    groups: dict[str, list[str]] = {}
    for record in records:
        if record.weights:
            groups.setdefault(record.weights, []).append(record.submission)
    return [
        Pair(tuple(names), [f"The same weights in {len(names)} hand-ins, to the last bit."], 100.0)
        for names in groups.values()
        if len(names) > 1
    ]


def spectral_distance(first: Record, second: Record) -> float:
    """Return the mean difference of the singular values of two networks of one architecture."""
    return float(np.mean(np.abs(np.array(first.spectrum) - np.array(second.spectrum))))


def usual_distances(records: list[Record]) -> dict[str, float]:
    """Return, for each architecture, the median distance between its hand-ins of other weights."""
    found: dict[str, list[float]] = {}
    for first, second in combinations(records, 2):
        if first.spectrum and first.shapes == second.shapes and first.weights != second.weights:
            found.setdefault(first.shapes, []).append(spectral_distance(first, second))
    return {shapes: float(np.median(distances)) for shapes, distances in found.items()}


Mistake = tuple[str, int, str]


class ClassAnswers:
    """How often each wrong answer was given in a class."""

    def __init__(self, records: list[Record]):
        self.counts: Counter[Mistake] = Counter()
        self.hand_ins = 0
        for record in records:
            self.hand_ins += bool(record.answers)
            self.counts.update(mistakes_of(record))

    def shared_mistakes(self, first: Record, second: Record) -> tuple[int, float]:
        """Return how many wrong answers two hand-ins share, and how many standard deviations that
        is above what is expected of two others of the class.

        A mistake that many make counts little: its chance is its frequency among all others.
        """
        own, theirs = mistakes_of(first), mistakes_of(second)
        shared = len(own & theirs)
        expected = variance = 0.0
        for mistake in own:
            others = self.counts[mistake] - 1 - (mistake in theirs)
            chance = (others + 0.5) / (self.hand_ins - 1)  # nobody's answer is impossible
            expected += chance
            variance += chance * (1 - chance)
        return shared, (shared - expected) / sqrt(variance) if variance > 0 else 0.0


def mistakes_of(record: Record) -> set[Mistake]:
    """Return the wrong answers, each with its pictures' origin and its place among them."""
    pairs = enumerate(zip(record.answers, record.right, strict=True))
    return {(record.data, place, answer) for place, (answer, right) in pairs if right == "0"}


def shared_shingles(records: list[Record]) -> Counter[tuple[int, int]]:
    """Return how many shingles each pair of hand-ins shares, by their places in the list. What more
    than ten hand-ins have is no sign of anything.
    """
    holders: dict[int, list[int]] = {}
    for place, record in enumerate(records):
        for mark in record.shingles:
            holders.setdefault(mark, []).append(place)
    pairs: Counter[tuple[int, int]] = Counter()
    for places in holders.values():
        if 1 < len(places) <= MOST_HOLDERS:
            pairs.update(combinations(places, 2))
    return pairs


def alike(
    first: Record, second: Record, answers: ClassAnswers, usual: dict[str, float], text: float
) -> Pair | None:
    """Return in what two hand-ins are alike; None if in nothing that chance does not explain.
    ``text`` is the share of their own words that is the same.
    """
    evidence, strength = [], 0.0
    other_weights = first.weights != second.weights
    if other_weights and first.spectrum and first.shapes == second.shapes:
        distance, median = spectral_distance(first, second), usual[first.shapes]
        if distance < COPY_SHARE * median or distance < COPY_DISTANCE:
            evidence.append(
                f"Singular values as near as {distance:.1e}; the median of pairs of this "
                f"architecture is {median:.1e}."
            )
            strength += 10
    if other_weights and first.answers and len(first.answers) == len(second.answers):
        shared, deviations = answers.shared_mistakes(first, second)
        if shared >= LEAST_SHARED and deviations > LEAST_DEVIATIONS:
            evidence.append(
                f"{shared} same wrong answers, {deviations:.1f} standard deviations above chance."
            )
            strength += deviations
    if text > LEAST_TEXT:
        evidence.append(f"{text:.0%} of their own words and code are the same.")
        strength += 10 * text
    names = (first.submission, second.submission)
    return Pair(names, evidence, strength) if evidence else None


def find_pairs(records: list[Record]) -> list[Pair]:
    """Return the hand-ins worth a second look together, the strongest evidence first."""
    usual, answers = usual_distances(records), ClassAnswers(records)
    shared, found = shared_shingles(records), same_weights(records)
    for (one, first), (other, second) in combinations(enumerate(records), 2):
        size = max(len(first.shingles), len(second.shingles))
        text = shared[one, other] / size if size >= LEAST_SHINGLES else 0.0
        if pair := alike(first, second, answers, usual, text):
            found.append(pair)
    return sorted(found, key=lambda pair: -pair.strength)[:MOST_PAIRS]
