"""Trivial models: what they reach where the answer is known."""

import json

import numpy as np
import pytest

from keras_lion.tuning.tasks import get_task
from keras_lion.tuning.tasks.task import Data, Split
from studies import baselines
from studies.effective_decay import TASKS


def test_tasks_on_the_same_data_share_a_baseline():
    names = {baselines.data_set(get_task(name)) for name in baselines.TASKS}
    assert names == {"mnist1d", "digits", "fashion_mnist", "python_source"}
    assert {baselines.data_set(task) for task in TASKS.values()} == {"mnist1d"}
    assert baselines.data_set(get_task("fashion_mnist_vit")) == "fashion_mnist"


def split(count, train):
    return Split(np.arange(train), np.arange(train, count))


def test_a_linear_rule_is_learned_and_the_majority_is_a_share():
    noise = np.random.default_rng(0)
    x = noise.normal(size=(600, 5)).astype("float32")
    y = (x[:, 0] > 0.5).astype("int32")
    data = Data(x, y, x[:5], y[:5])
    found = baselines.classifiers(data, split(600, 400), (0.1, 100.0))
    assert found["majority"][0] == pytest.approx((y[400:] == 0).mean())
    share = y[:400].mean()
    expected = -np.where(y[400:] == 1, np.log(share), np.log(1 - share)).mean()
    assert found["majority"][1] == pytest.approx(expected)
    assert found["linear"][0] > 0.97
    assert found["linear"][1] < 0.15


def text(order, count=60, length=40):
    """Windows of symbols, each decided by so many before it but for some noise."""
    noise = np.random.default_rng(order)
    symbols = np.zeros((count, length + 1), "int32")
    for place in range(length + 1):
        before = [symbols[:, place - k] if place >= k else 0 for k in (1, 2)]
        decided = [0, before[0] + 1, before[0] + 2 * before[1] + 1][order] % 5
        random = noise.integers(0, 5, count)
        symbols[:, place] = np.where(noise.random(count) < 0.2, random, decided)
    return Data(symbols[:, :-1], symbols[:, 1:], symbols[:2, :-1], symbols[:2, 1:])


def test_longer_contexts_help_where_they_decide():
    one = baselines.n_grams(text(1, 400), split(400, 300))
    two = baselines.n_grams(text(2, 400), split(400, 300))
    losses = [{name: loss for name, (_, loss) in each.items()} for each in (one, two)]
    # The entropy of a symbol that is decided four times in five.
    known = -(0.84 * np.log(0.84) + 0.16 * np.log(0.04))
    assert losses[0]["unigram"] == pytest.approx(np.log(5), abs=0.02)
    assert losses[0]["bigram"] == pytest.approx(known, abs=0.08)
    assert losses[0]["trigram"] == pytest.approx(losses[0]["bigram"], abs=0.05)
    assert losses[1]["bigram"] > known + 0.5
    assert losses[1]["trigram"] == pytest.approx(known, abs=0.12)


def test_smoothing_gives_probabilities_that_sum_to_one():
    contexts, symbols = np.array([0, 0, 0, 1, -1]), np.array([1, 1, 2, 0, 2])
    table = baselines._Table(contexts, symbols, 3)
    shorter = np.array([0.5, 0.3, 0.2])
    for context in (0, 1, 2):
        found = table.smoothed(np.full(3, context), np.arange(3), shorter, 2.0)
        assert found.sum() == pytest.approx(1)
    seen = table.smoothed(np.array([0]), np.array([1]), shorter[1:2], 2.0)
    assert seen == pytest.approx((2 + 2 * 0.3) / (3 + 2))
    unseen = table.smoothed(np.array([2]), np.array([1]), shorter[1:2], 2.0)
    assert unseen == pytest.approx(0.3)


def test_the_committed_file_has_every_data_set():
    claims = json.loads(baselines.FILE.read_text("utf-8"))["claims"]
    for name in baselines.TASKS:
        where = baselines.data_set(get_task(name))
        assert any(key.startswith(f"{where}.") for key in claims)
    assert (
        claims["python_source.trigram.loss"]["high"]
        < (claims["python_source.bigram.loss"]["low"])
    )
