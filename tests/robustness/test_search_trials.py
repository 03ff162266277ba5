"""Trials of a search: what is one, the best of them, where to go next."""

import keras_tuner
import numpy as np
import pandas as pd
import pytest

from keras_lion.robustness.frames.search_trials import (
    also_varied,
    best_so_far,
    best_trial,
    declared_ranges,
    is_search,
    next_windows,
    num_finished,
    trials_of,
)

from .made_up import run, study


def random_runs(number=30, seed=0, **columns):
    """Runs at free values, best near lr = 1e-3, whatever the decay."""
    generator = np.random.default_rng(seed)
    records = []
    for at in range(number):
        rate, decay = 10 ** generator.uniform([-5, -2], [-1, 1])
        score = 0.9 - 0.1 * (np.log10(rate) + 3) ** 2
        records.append(
            run(
                learning_rate=rate,
                weight_decay=decay,
                score=score,
                key=str(at),
                preset="import",
            )
            | columns
        )
    return pd.DataFrame(records)


def test_free_values_are_a_search_and_grids_are_none():
    assert is_search(random_runs())
    assert is_search(random_runs(4))
    assert is_search(random_runs().assign(weight_decay=0.1))
    assert not is_search(study())
    assert not is_search(study(size=2))
    # An interrupted sweep, and a grid of one row.
    assert not is_search(study(seeds=1).sample(frac=0.4, random_state=0))
    assert not is_search(study().query("weight_decay == 0"))
    rows = [run(learning_rate=rate) for rate in (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)]
    assert not is_search(pd.DataFrame(rows))


def test_the_declaration_decides_before_the_values_do():
    assert is_search(study(), {"search": {"oracle": "RandomSearchOracle"}})
    assert is_search(study().assign(preset="search"))
    assert not is_search(random_runs(), {"plans": {"digits": {}}})
    assert is_search(random_runs(), {"plans": {"mnist": {}}})


def test_a_trial_is_a_configuration_and_a_budget():
    runs = pd.DataFrame(
        [
            run(learning_rate=1e-2, score=0.5, epochs=1),
            run(learning_rate=1e-2, score=0.7, epochs=9, seed=0),
            run(learning_rate=1e-2, score=0.9, epochs=9, seed=1),
            run(learning_rate=1e-3, score=0.95, epochs=1),
            run(learning_rate=1e-4, score=0.1, epochs=9, status="diverged"),
            run(learning_rate=1e-5, score=np.nan, epochs=9, status="failed"),
        ]
    )
    trials = trials_of(runs)
    assert trials.index.tolist() == [1, 2, 3, 4, 5]
    assert trials["score"].round(6).tolist()[:4] == [0.5, 0.8, 0.95, 0.1]
    assert trials["seeds"].tolist() == [1, 2, 1, 1, 0]
    assert trials["status"].tolist() == ["ok", "ok", "ok", "diverged", "failed"]
    # The best of the small budget is not the best: it was not trained to the end.
    assert best_trial(trials)["trial"] == 2
    assert best_so_far(trials).isna().tolist() == [True, False, False, False, False]


def test_the_best_so_far_never_falls_and_ends_at_the_best():
    trials = trials_of(random_runs())
    curve = best_so_far(trials)
    assert (curve.diff().dropna() >= 0).all()
    assert curve.iloc[-1] == best_trial(trials)["score"] == trials["score"].max()
    backwards = best_so_far(trials_of(random_runs().iloc[::-1]))
    assert backwards.iloc[-1] == curve.iloc[-1]
    assert backwards.iloc[0] != curve.iloc[0]


def test_nothing_trained():
    dead = random_runs(5).assign(status="diverged", score=0.1)
    trials = trials_of(dead)
    assert best_trial(trials) is None
    assert best_so_far(trials).isna().all()
    assert next_windows(trials) == []


def lines(rates, scores):
    records = [
        run(learning_rate=rate, weight_decay=0.1, score=score)
        for rate, score in zip(rates, scores, strict=True)
    ]
    return trials_of(pd.DataFrame(records))


SIX = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 1e-1]


@pytest.mark.parametrize(
    ("rates", "scores", "side"),
    [
        (SIX, [0, 0, 0, 0, 0, 1], "high"),
        (SIX, [1, 0, 0, 0, 0, 0], "low"),
        (SIX, [0, 0, 0, 0, 1, 0], ""),
    ],
)
def test_the_next_window_is_half_as_wide_around_the_best(rates, scores, side):
    (window,) = next_windows(lines(rates, scores))
    assert window.axis == "learning_rate"
    assert window.side == side
    assert np.log10(window.high / window.low) == pytest.approx(1.5)
    assert np.sqrt(window.high * window.low) == pytest.approx(window.centre)
    assert (window.high > 1e-1) == (side == "high")
    assert (window.low < 1e-4) == (side == "low")


def test_a_few_trials_narrow_no_range():
    assert next_windows(lines(SIX[:5], [0, 0, 1, 0, 0])) == []
    assert num_finished(lines(SIX[:5], [0, 0, 1, 0, 0])) == 5
    assert len(next_windows(lines(SIX, [0, 0, 1, 0, 0, 0]))) == 1


def test_the_declared_range_is_searched_to_its_end_first():
    highest = lines(SIX, [0, 0, 0, 0, 0, 1])
    (usual,) = next_windows(highest)
    (window,) = next_windows(highest, {"learning_rate": (1e-4, 100.0)})
    assert (window.low, window.high, window.declared) == (usual.low, 100.0, 100.0)
    for declared in ({"learning_rate": (1e-9, 0.1)}, {"weight_decay": (1e-9, 100.0)}):
        (window,) = next_windows(highest, declared)
        assert (window.low, window.high) == (usual.low, usual.high)
        assert np.isnan(window.declared)
    lowest = lines(SIX, [1, 0, 0, 0, 0, 0])
    (window,) = next_windows(lowest, {"learning_rate": (1e-9, 100.0)})
    assert window.low == window.declared == 1e-9
    (window,) = next_windows(lines(SIX, [0, 0, 0, 1, 0, 0]), {"learning_rate": (0, 9)})
    assert np.isnan(window.declared)


def test_ranges_of_the_space_of_an_oracle():
    space = keras_tuner.HyperParameters()
    space.Float("learning_rate", 1e-4, 0.1, sampling="log")
    space.Choice("weight_decay", [0.0, 0.1, 1.0])
    space.Int("units", 8, 64)
    space.Choice("activation", ["relu", "tanh"])
    space.Boolean("norm")
    study = {"search": {"space": space.get_config()["space"]}}
    assert declared_ranges(study) == {
        "learning_rate": (1e-4, 0.1),
        "weight_decay": (0.1, 1.0),
        "units": (8, 64),
    }
    assert declared_ranges({}) == declared_ranges({"search": {"seed": 1}}) == {}


def test_a_best_trial_without_decay_moves_no_decay():
    records = [
        run(learning_rate=rate, weight_decay=decay, score=1 - decay)
        for rate in (1e-3, 1e-2)
        for decay in (0, 0.1, 0.5)
    ]
    windows = next_windows(trials_of(pd.DataFrame(records)))
    assert [window.axis for window in windows] == ["learning_rate"]


def test_other_hyperparameters_that_were_searched():
    runs = random_runs(6)
    assert also_varied(runs) == []
    runs = runs.assign(dropout=np.linspace(0, 0.5, 6), beta_2=[0.9, 0.99] * 3)
    assert also_varied(runs) == ["beta_2", "dropout"]
    assert len(trials_of(runs)) == 6
