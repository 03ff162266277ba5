"""docs/practice.md: what its sentences say of the numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("jax")

from studies import claims, spikes
from studies.evidence import practice
from studies.evidence.readme import END

PAGE = (Path(__file__).resolve().parents[2] / practice.PAGE).read_text("utf-8")


def kept_of(study):
    path = claims.RESULTS / study / f"{study}.json"
    return json.loads(path.read_text("utf-8"))["claims"]


def above_zero(entry):
    return entry["low"] > 0


def below_zero(entry):
    return entry["high"] < 0


def is_open(entry):
    return entry["low"] <= 0 <= entry["high"]


def test_the_answer_on_spikes_fits_the_numbers():
    found = kept_of("spikes")
    for task in spikes.BEST:
        lion = found[f"{task}.lion.decay_0.unstable_change"]
        assert above_zero(lion)
        assert lion["low"] > found[f"{task}.adamw.decay_0.unstable_change"]["high"]
        for arm in ("clip_1", "clip_0.1"):
            for optimizer in ("adamw", "lion"):
                assert is_open(found[f"{task}.{optimizer}.{arm}.unstable_change"])


def test_the_answer_on_warm_up_fits_the_numbers():
    found = kept_of("short_warm_up")
    for steps in (310, 620):
        for place in ("best", "above"):
            adamw = found[f"adamw.{steps}.{place}.0.change"]
            assert above_zero(adamw)
            assert adamw["value"] > found[f"lion.{steps}.{place}.0.change"]["value"]
            assert not above_zero(found[f"lion.{steps}.{place}.2.change"])
        assert above_zero(found[f"adamw.{steps}.above.2.change"])
    assert below_zero(found["adamw.620.above.20.change"])


def test_the_answer_on_switching_fits_the_numbers():
    found = kept_of("switching")
    for place in (25, 50, 75):
        assert below_zero(found[f"matched_fresh.{place}.accuracy_change"])
        for mode in ("matched", "paper"):
            taken = found[f"{mode}_taken_over.{place}.bump_against_fresh"]
            assert above_zero(taken)
            assert below_zero(found[f"{mode}_scaled.{place}.bump_against_fresh"])
    assert above_zero(found["matched_fresh.50.loss_change"])
    assert below_zero(found["matched_fresh.75.loss_change"])


def test_the_answer_on_fine_tuning_fits_the_numbers():
    found = kept_of("fine_tuning")
    assert above_zero(found["lion_fresh.loss_against.adamw_fresh"])
    assert below_zero(found["lion_fresh.accuracy_against.adamw_fresh"])
    assert not above_zero(found["lion_new_weights.loss_against.lion_fresh"])
    assert above_zero(found["adamw_new_weights.loss_against.adamw_fresh"])
    assert is_open(found["lion_taken_over.loss_against.lion_fresh"])


def test_runs_that_became_nan_are_counted():
    found = dict(kept_of("spikes"))
    assert "Of all 1,440 runs none became NaN." in practice.spikes_text(found)
    name = "digits_mlp.lion.usual.finite"
    found[name] = {**found[name], "value": 34 / 36}
    assert "Of all 1,440 runs 2 became NaN." in practice.spikes_text(found)


def test_every_row_of_a_table_has_as_many_cells():
    for study, (words, _, _) in practice.STUDIES.items():
        text = words(kept_of(study))
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) > 3
        assert len({row.count("|") for row in rows}) == 1


@pytest.mark.parametrize("study", practice.STUDIES)
def test_the_page_has_what_the_results_give(study):
    words, _, caption = practice.STUDIES[study]
    block = PAGE.partition(f"<!-- {study}: written")[2].partition(END)[0]
    assert words(kept_of(study)) in block
    assert f"\n{caption}\n" in block
    figure = claims.RESULTS / study / "figures" / f"{study}.png"
    assert f"](../studies/results/{study}/figures/{study}.png)" in block
    assert figure.is_file()


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (0.3, "0.3"), (3.0, "3 (edge: provisional)")],
)
def test_a_best_value_at_the_edge_of_the_grid_is_provisional(value, shown):
    assert practice._best(claims.exact(value, "λ"), (0.0, 0.3, 3.0)) == shown


def test_a_lowest_rate_is_an_edge_too():
    rates = (1e-3, 1e-2, 1e-1)
    assert "edge" in practice._best(claims.exact(1e-3, "lr"), rates)
    assert practice._best(claims.exact(1e-2, "lr"), rates) == "0.01"
