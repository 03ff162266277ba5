"""Counts of characters, against a second count with dictionaries."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from keras_lion.tuning import Data
from studies.transformer_baselines import ORDERS, RESULT, STRENGTHS, baselines, losses

SIZE, LENGTH = 4, 6


def windows(count, seed):
    text = np.random.default_rng(seed).integers(0, SIZE, (count, LENGTH + 1))
    return text[:, :-1], text[:, 1:]


def by_hand(train, validation, order, strength):
    counts = defaultdict(Counter)
    for text, labels in zip(*train, strict=True):
        for place, label in enumerate(labels):
            for short in range(order):
                seen = tuple(
                    text[place - back] if place >= back else None
                    for back in range(short)
                )
                counts[seen][label] += 1

    def probability(label, seen):
        shorter = probability(label, seen[:-1]) if seen else 1 / SIZE
        found = counts[seen]
        return (found[label] + strength * shorter) / (found.total() + strength)

    nats = [
        -math.log(
            probability(
                label,
                tuple(
                    text[place - back] if place >= back else None
                    for back in range(order - 1)
                ),
            )
        )
        for text, labels in zip(*validation, strict=True)
        for place, label in enumerate(labels)
    ]
    return math.fsum(nats) / len(nats)


@pytest.mark.parametrize("strength", [0.3, 10.0])
def test_losses_are_those_of_a_second_count(strength):
    train, validation = windows(12, seed=1), windows(5, seed=2)
    found = losses(train, validation, SIZE, strength)
    for name, order in ORDERS.items():
        assert found[name] == pytest.approx(by_hand(train, validation, order, strength))


def test_a_text_that_repeats_is_learned_by_the_context_that_it_needs():
    """0 0 1 0 0 1 …: two symbols decide the next, one does not."""
    text = np.array([[(k + row) % 3 == 2 for k in range(31)] for row in range(60)])
    text = text.astype(int)
    data = Data(text[:, :-1], text[:, 1:], text[:3, :-1], text[:3, 1:])
    found = baselines(data, np.arange(50), np.arange(50, 60), 2)
    assert found["trigram"] < 0.1 < found["bigram"] < found["unigram"]
    each = [
        losses((text[:50, :-1], text[:50, 1:]), (text[50:, :-1], text[50:, 1:]), 2, a)
        for a in STRENGTHS
    ]
    assert found["bigram"] == min(one["bigram"] for one in each)


def test_the_kept_baselines_are_in_order():
    kept = json.loads(RESULT.read_text("utf-8"))
    assert kept["trigram"] < kept["bigram"] < kept["unigram"] < math.log(128)
