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


def found_of(**changes):
    """Claims of studies/spikes.py with these changes of Lion, none of AdamW."""
    found = {}
    for task in spikes.BEST:
        for optimizer in ("lion", "adamw"):
            for arm in spikes.ARMS:
                value = changes.get(arm, 0.0) if optimizer == "lion" else 0.0
                entry = {"value": value, "low": value - 0.1, "high": value + 0.1}
                entry |= {"n": 6, "unit": "share of runs"}
                found[f"{task}.{optimizer}.{arm}.unstable"] = entry
                found[f"{task}.{optimizer}.{arm}.unstable_change"] = entry
                finite = {**entry, "value": 5 / 6 if arm == "usual" else 1.0}
                found[f"{task}.{optimizer}.{arm}.finite"] = finite
    return found


def test_only_changes_whose_interval_leaves_out_zero_are_named():
    text = practice.spikes_text(
        found_of(decay_triple=-0.3, decay_0=0.4, clip_1=0.05, beta_2_larger=0.2)
    )
    sentence = text.partition("\n")[0]
    lion = sentence.partition("Of Lion's runs")[2]
    assert "fewer with λ × 3 (−30 [−40, −20] points)" in lion
    assert "more with β₂ = 0.999 (+20 [+10, +30] points), λ = 0 (+40 " in lion
    assert "clipped" not in lion
    adamw = sentence.partition("Of Lion's runs")[0]
    assert "no change is shown to matter" in adamw
    assert "Of all 240 runs 4 became NaN." in sentence


def test_every_row_of_a_table_has_as_many_cells():
    for study, (words, _, _) in practice.STUDIES.items():
        path = claims.RESULTS / study / f"{study}.json"
        text = words(json.loads(path.read_text("utf-8"))["claims"])
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) > 3
        assert len({row.count("|") for row in rows}) == 1


@pytest.mark.parametrize("study", practice.STUDIES)
def test_the_page_has_what_the_results_give(study):
    words, _, caption = practice.STUDIES[study]
    path = claims.RESULTS / study / f"{study}.json"
    kept = json.loads(path.read_text("utf-8"))["claims"]
    block = PAGE.partition(f"<!-- {study}: written")[2].partition(END)[0]
    assert words(kept) in block
    assert block.count(caption) == 2  # for readers with and without the picture
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
