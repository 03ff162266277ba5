"""Spread over learning rates at equal lr × λ."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness.effective_decay.spread import (
    Line,
    lines_of_equal_product,
    spread_over_rates,
    spread_verdict,
)

RATES = (1e-3, 4e-3, 1.6e-2)
PRODUCTS = (2.0**-9, 2.0**-7, 2.0**-5)


def runs(score, *, kappa=lambda product: 1e3 * product, seeds=5, diverged=()):
    """Records of one optimizer on lines of equal lr × λ."""
    return pd.DataFrame(
        [
            {
                "optimizer": "lion",
                "learning_rate": rate,
                "weight_decay": product / rate,
                "seed": seed,
                "status": "diverged" if (product, rate) in diverged else "ok",
                "score": score(product, rate, seed),
                "final_loss": 1 - score(product, rate, seed),
                "kappa": kappa(product),
            }
            for product in PRODUCTS
            for rate in RATES
            for seed in range(seeds)
        ]
    )


def noise(seed=0, scale=0.01):
    table = {}
    generator = np.random.default_rng(seed)

    def draw(*key):
        return table.setdefault(key, scale * generator.normal())

    return draw


def line(scores, kappa=10.0, diverged=None):
    scores = np.asarray(scores, float)
    count = len(scores)
    none = np.zeros(count, bool) if diverged is None else np.asarray(diverged)
    return Line(0.01, kappa, np.arange(1.0, count + 1), scores, none)


def verdict(lines, margin=1.0):
    return spread_verdict(lines, margin=margin, unit="points", claim="Claim.")


def test_lines_are_products_and_rates_ascend():
    shuffled = runs(lambda p, r, s: r).sample(frac=1, random_state=0)
    lines = lines_of_equal_product(shuffled, optimizer="lion", scale=100)
    assert [each.product for each in lines] == pytest.approx(PRODUCTS, rel=1e-5)
    assert [each.kappa for each in lines] == pytest.approx([1e3 * p for p in PRODUCTS])
    for each in lines:
        assert each.learning_rate.tolist() == list(RATES)
        assert each.scores == pytest.approx(100 * np.repeat([RATES], 5, axis=0).T)


def test_loss_is_negated():
    [first, *_] = lines_of_equal_product(
        runs(lambda p, r, s: r), optimizer="lion", value="final_loss"
    )
    assert first.scores[:, 0] == pytest.approx([rate - 1 for rate in RATES])


def test_rows_without_decay_other_optimizers_and_failures_take_no_part():
    frame = runs(lambda p, r, s: r)
    extra = frame.iloc[:3].copy()
    extra["weight_decay"] = [0.0, 1.0, 1.0]
    extra["optimizer"] = ["lion", "adamw", "lion"]
    extra["status"] = ["ok", "ok", "failed"]
    both = pd.concat([frame, extra], ignore_index=True)
    assert len(lines_of_equal_product(both, optimizer="lion")) == len(PRODUCTS)


def test_a_learning_rate_without_all_seeds_is_left_out():
    frame = runs(lambda p, r, s: r).iloc[1:]
    first, second, _ = lines_of_equal_product(frame, optimizer="lion")
    assert first.learning_rate.tolist() == list(RATES[1:])
    assert second.learning_rate.tolist() == list(RATES)


def test_two_budgets_are_refused():
    frame = runs(lambda p, r, s: r)
    with pytest.raises(ValueError, match="occur twice"):
        lines_of_equal_product(pd.concat([frame, frame]), optimizer="lion")


def test_equal_scores_have_no_spread_to_the_last_digit():
    found = spread_over_rates([line(np.tile([0.1, 0.7, 0.4], (4, 1)))])
    assert (found.low, found.estimate, found.high) == (0, 0, 0)


def test_differences_of_seeds_alone_are_no_spread():
    draw = noise()
    shifts = 50 * np.array([draw(s) for s in range(5)])
    flat = [[shift + draw(r, s) for s, shift in enumerate(shifts)] for r in range(5)]
    found = spread_over_rates([line(flat)])
    assert found.high < 0.02
    assert line(flat).noise > 0.2


def test_a_large_spread_is_the_standard_deviation_of_the_means():
    draw = noise()
    effects = np.array([-3.0, 0.0, 1.0, 2.0])
    each = line(
        [[effect + draw(r, s) for s in range(5)] for r, effect in enumerate(effects)]
    )
    found = spread_over_rates([each])
    assert found.estimate == pytest.approx(effects.std(ddof=1), rel=0.01)
    assert each.deviation == pytest.approx(effects.std(ddof=1), rel=0.01)
    assert found.low < found.estimate < found.high


def test_lines_are_pooled_by_their_degrees_of_freedom():
    draw = noise(scale=1e-4)

    def of(effects):
        return line([[x + draw(x, s) for s in range(5)] for x in effects])

    first, second = [-1.0, 1.0], [-4.0, 0.0, 4.0, 0.5]
    squares = sum(np.sum((np.array(x) - np.mean(x)) ** 2) for x in (first, second))
    found = spread_over_rates([of(first), of(second)])
    assert found.estimate == pytest.approx(math.sqrt(squares / (1 + 3)), rel=1e-3)


@pytest.mark.parametrize("true", [0.0, 0.7, 1.5, 8.0])
def test_the_interval_covers_and_the_square_is_unbiased(true):
    generator = np.random.default_rng(1)
    covered, squares = 0, []
    for _ in range(300):
        lines = []
        for _ in range(2):
            effects = generator.normal(size=5)
            effects -= effects.mean()
            effects *= true / effects.std(ddof=1)
            y = (
                effects[:, None]
                + generator.normal(size=5)
                + generator.normal(size=(5, 5))
            )
            lines.append(line(y))
        found = spread_over_rates(lines)
        covered += found.low <= true <= found.high
        squares.append(found.estimate**2)
    assert covered >= 0.93 * 300
    assert np.mean(squares) == pytest.approx(true**2, abs=0.06 + 0.05 * true**2)


def test_one_seed_gives_no_interval_and_one_rate_nothing():
    assert math.isnan(spread_over_rates([line([[1.0], [2.0], [3.0]])]).low)
    assert math.isnan(spread_over_rates([line([[1.0, 2.0]])]).estimate)


def test_supported_where_the_spread_is_shown_to_be_small():
    draw = noise(scale=0.2)
    flat = [[draw(r, s) for s in range(5)] for r in range(5)]
    assert verdict([line(flat)]).outcome == "supported"
    assert verdict([line(flat)], margin=0.02).outcome == "underpowered"


def test_not_supported_where_it_is_large():
    draw = noise(scale=0.2)
    steep = [[3.0 * r + draw(r, s) for s in range(5)] for r in range(5)]
    assert verdict([line(steep)]).outcome == "not supported"


def test_lines_with_little_decay_take_no_part():
    draw = noise(scale=0.2)
    flat = line([[draw(r, s) for s in range(5)] for r in range(5)])
    steep = line([[9.0 * r, 9.0 * r + 1] for r in range(5)], kappa=4.9)
    assert verdict([steep, flat]).outcome == "supported"
    assert verdict([steep]).outcome == "untestable"


def test_a_line_on_which_some_rates_diverge_is_no_law():
    flat = np.zeros((5, 3))
    some = line(flat, diverged=[False] * 4 + [True])
    everything = line(flat, diverged=[True] * 5)
    assert verdict([some, line(flat)]).outcome == "not supported"
    assert "one learning rate diverged" in verdict([some]).reasons[0]
    # Where all diverge, they agree.
    assert verdict([everything, line(flat)]).outcome == "supported"
