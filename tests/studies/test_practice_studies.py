"""Spikes, warm-ups, switches and fine-tuning: what is counted, read and compared."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("jax")

from studies import fine_tuning, short_warm_up, spikes, switching

STUDIES = (spikes, short_warm_up, switching, fine_tuning)


def curve(steps=400, level=1.0):
    return np.full(steps, level)


@pytest.mark.parametrize(
    ("height", "level", "counted"),
    [
        (2.1, 1.0, 1),
        (1.9, 1.0, 0),  # not twice
        (0.5, 0.1, 0),  # five times, but not 0.5 nats
        (0.7, 0.1, 1),
        (5.0, 3.0, 0),
    ],
)
def test_a_spike_is_twice_the_median_and_half_a_nat_above_it(height, level, counted):
    losses = curve(level=level)
    losses[200:210] = height
    found = spikes.spikes(losses)
    assert len(found) == counted
    if counted:
        assert 200 <= found[0] < 205  # the mean of 5 batches has to rise


def test_one_batch_is_no_spike_and_a_slow_rise_is_none():
    losses = curve()
    losses[200] = 5.0
    assert len(spikes.spikes(losses)) == 0
    assert len(spikes.spikes(np.linspace(1, 4, 2000))) == 0


def test_spikes_within_fifty_steps_count_once():
    losses = curve()
    losses[200:210] = losses[230:240] = 4.0
    assert len(spikes.spikes(losses)) == 1
    losses[320:330] = 4.0
    assert len(spikes.spikes(losses)) == 2


def test_what_follows_a_value_that_is_not_finite_is_not_looked_at():
    losses = curve()
    losses[100:110] = 4.0
    losses[150] = np.nan
    losses[300:310] = 4.0
    assert len(spikes.spikes(losses)) == 1
    assert len(spikes.spikes(np.full(100, np.nan))) == 0


@pytest.mark.parametrize("arm", spikes.ARMS)
def test_an_arm_changes_one_thing(arm):
    for task, optimizers in spikes.BEST.items():
        for optimizer in optimizers:
            usual = vars(spikes.setting_of(task, optimizer, "usual", 2.0))
            own = vars(spikes.setting_of(task, optimizer, arm, 2.0))
            changed = [name for name in usual if usual[name] != own[name]]
            assert len(changed) == (arm != "usual")
            assert usual["learning_rate"] == 2 * spikes.BEST[task][optimizer][0]


def test_unstable_runs_are_those_that_spike_or_diverge():
    rows = [
        {
            "task": "a",
            "optimizer": "lion",
            "arm": arm,
            "factor": factor,
            "seed": seed,
            "spikes": 2 * (arm == "usual" and factor == 1.0),
            "finite": True,
            "diverged": factor == 2.0,
        }
        for arm in ("usual", "clip_1")
        for factor in (0.5, 1.0, 2.0, 4.0)
        for seed in range(3)
    ]
    found = spikes.summarize(pd.DataFrame(rows))
    assert found["a.lion.usual.unstable"]["value"] == 0.5
    assert found["a.lion.clip_1.unstable"]["value"] == 0.25
    assert found["a.lion.clip_1.unstable_change"]["value"] == -0.25
    assert found["a.lion.usual.spikes"]["value"] == 0.5


def warm_up_frame():
    """Best at 0.01; above it, no warm-up costs 1 nat in every seed."""
    return pd.DataFrame(
        {
            "optimizer": "lion",
            "steps": 310,
            "per_cent": per_cent,
            "learning_rate": rate,
            "seed": seed,
            "loss": abs(np.log10(rate) + 2) + (rate == 0.03 and not per_cent) + seed,
        }
        for per_cent in short_warm_up.PER_CENT
        for rate in (0.003, 0.01, 0.03)
        for seed in range(3)
    )


def test_warm_ups_are_compared_at_the_best_rate_and_above_it():
    found = short_warm_up.summarize(warm_up_frame())
    assert found["lion.310.best_rate"]["value"] == 0.01
    assert found["lion.310.above.0.change"]["value"] == pytest.approx(1)
    assert found["lion.310.above.0.change"]["low"] == pytest.approx(1)  # paired
    assert found["lion.310.best.0.change"]["value"] == pytest.approx(0, abs=1e-9)
    assert "lion.310.best.10.change" not in found


def test_a_best_rate_at_the_upper_end_is_refused():
    frame = warm_up_frame()
    with pytest.raises(ValueError, match=r"extend RATES. Received: 0\.01"):
        short_warm_up.summarize(frame[frame["learning_rate"] < 0.02])


def test_switches_are_compared_by_seed():
    rows = [
        {"arm": arm, "place": place, "seed": seed, "loss": loss + seed, "bump": bump}
        for arm, place, loss, bump in (
            ("adamw", 100, 1.0, 0.0),
            ("matched_fresh", 50, 1.5, 0.4),
            ("matched_taken_over", 50, 1.25, 0.1),
        )
        for seed in range(3)
    ]
    frame = pd.DataFrame(rows).assign(accuracy=0.5)
    found = switching.summarize(frame.sample(frac=1, random_state=0))
    assert found["matched_fresh.50.loss_change"]["value"] == 0.5
    assert found["matched_fresh.50.loss_change"]["high"] == 0.5  # paired
    assert found["matched_taken_over.50.loss_against_fresh"]["value"] == -0.25
    assert found["matched_taken_over.50.bump_against_fresh"]["value"] == -0.3
    assert found["adamw.loss"]["value"] == 2


def test_lion_after_the_switch_has_the_converted_values():
    matched, paper = switching.LION["matched"], switching.LION["paper"]
    adamw = switching.ADAMW
    assert adamw.learning_rate / matched.learning_rate == pytest.approx(4.36, rel=1e-3)
    assert matched.weight_decay / adamw.weight_decay == pytest.approx(10.5, rel=2e-2)
    assert paper.learning_rate == pytest.approx(adamw.learning_rate / 10)
    assert paper.weight_decay == pytest.approx(adamw.weight_decay * 10)


def test_fine_tuning_is_read_at_the_best_setting_of_each_arm():
    rows = [
        {
            "arm": arm,
            "learning_rate": rate,
            "weight_decay": decay,
            "seed": seed,
            "loss": loss + seed,
        }
        for arm in fine_tuning.ARMS
        for rate, decay, loss in (
            (1e-3, 0.0, 2.0),
            (1e-2, 0.0, 1.5),
            (1e-2, 0.1, 1.0 + arm.startswith("lion") / 4),
        )
        for seed in range(3)
    ]
    frame = pd.DataFrame(rows).assign(accuracy=0.5, old_accuracy=0.5)
    found = fine_tuning.summarize(frame.sample(frac=1, random_state=0))
    assert found["lion_fresh.learning_rate"]["value"] == 1e-2
    assert found["lion_fresh.weight_decay"]["value"] == 0.1
    assert found["lion_fresh.loss_against.adamw_fresh"]["low"] == 0.25  # paired
    assert found["lion_fresh.loss_against.adamw_fresh"]["value"] == 0.25
    assert found["lion_taken_over.loss_against.lion_fresh"]["value"] == 0


def test_a_setting_whose_runs_are_not_finite_is_not_the_best():
    runs = pd.DataFrame(
        {"learning_rate": rate, "weight_decay": 0.1, "seed": seed, "loss": loss}
        for rate, losses in ((1e-3, (2.0, 2.0)), (1e-2, (0.5, np.nan)))
        for seed, loss in enumerate(losses)
    )
    assert set(fine_tuning.at_best(runs)["learning_rate"]) == {1e-3}
    assert short_warm_up.best_rate(runs) == 1e-3


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.__name__)
def test_summary_is_what_the_records_give(study):
    kept = json.loads(
        (study.OUTPUT / f"{study.OUTPUT.name}.json").read_text(encoding="utf-8")
    )
    assert kept["claims"] == study.summarize(pd.read_csv(study.OUTPUT / "runs.csv"))
