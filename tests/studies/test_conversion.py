"""Which conversion is nearest to Lion's own best: choice, regret, rule and figure."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from keras_lion import theory
from keras_lion.report.elements.panels import DARK
from keras_lion.statistics import Interval
from studies.claims import RESULTS
from studies.conversion import (
    ADVISED,
    MATCHED,
    OTHERS_K,
    Conversions,
    conversions,
    decide,
    factor_of_others,
)
from studies.conversion_figure import conversion_figure
from studies.conversion_text import entries, row, sentences, summary
from studies.transfer_from_adamw import EPSILON, FACTORS, RECIPES, SAME_NORMS, cell

ROOT = Path(__file__).parents[2]
SEEDS = np.array([-0.01, 0.0, 0.01])


def made(task="a", matched=1.0, best=0.9, epsilon=0.05, **at):
    """Losses of 1.5 at every k, but for those given as `k3`, `k6` and `k10`."""
    losses = dict.fromkeys(FACTORS, 1.5 + SEEDS) | {MATCHED: matched + SEEDS}
    for name, k in zip(("k3", "k6", "k10"), ADVISED, strict=True):
        losses[k] = at.get(name, 1.5) + SEEDS
    own = Interval(best, best - 0.03, best + 0.03, 6)
    return Conversions(task, epsilon, losses, 0.8 + SEEDS, own, ())


def test_the_advised_factors_are_those_from_3_to_10():
    assert pytest.approx([3.162, 5.623, 10.0], rel=1e-3) == list(ADVISED)


def test_matched_is_what_theory_gives():
    factors = theory.conversion_factors()
    expected = (1 / factors.learning_rate, factors.weight_decay)
    assert pytest.approx(expected, rel=0.02) == SAME_NORMS


def test_the_factor_for_a_task_is_not_chosen_on_its_own_runs():
    found = [made("a", k3=0.5), made("b", k6=1.0), made("c", k6=1.2)]
    assert factor_of_others(found, "a") == ADVISED[1]
    changed = [replace(found[0], losses=made(k10=-9.0).losses), *found[1:]]
    assert factor_of_others(changed, "a") == ADVISED[1]
    assert factor_of_others(found, "b") == ADVISED[0]


def test_the_factor_weighs_tasks_in_units_of_their_epsilon():
    # 0.2 nats are 4 ε of "b" and 10 ε of "c".
    found = [
        made("a"),
        made("b", epsilon=0.05, k3=1.3),
        made("c", epsilon=0.02, k10=1.3),
    ]
    assert factor_of_others(found, "a") == ADVISED[2]


def test_regret_adds_the_intervals_of_loss_and_best_in_squares():
    each = made(matched=1.0, best=0.9)
    regret = each.regret(MATCHED)
    half = 4.302653 * 0.01 / np.sqrt(3)  # Student's 97.5 % with 2 degrees of freedom
    assert regret.estimate == pytest.approx(0.1)
    assert regret.high - regret.estimate == pytest.approx(np.hypot(half, 0.03), 1e-5)
    assert regret.estimate - regret.low == pytest.approx(np.hypot(half, 0.03), 1e-5)


def test_two_conversions_are_paired_by_seed():
    gap = made(matched=1.0, k3=1.2).less(MATCHED, ADVISED[0])
    assert (gap.low, gap.estimate, gap.high) == pytest.approx((-0.2, -0.2, -0.2))


def rule(*found):
    return decide(found, [each.task for each in found])


def test_the_rule_holds_where_matched_is_nearer_on_every_task():
    decision = rule(made("a", k3=1.2), made("b", k3=1.3))
    assert decision.holds
    assert decision.mean_regret[MATCHED].estimate == pytest.approx(2.0)
    assert decision.gap[OTHERS_K].estimate == pytest.approx(-5.0)


def test_the_rule_fails_where_matched_is_worse_on_average():
    assert not rule(made("a", k10=0.99), made("b", k10=0.97)).holds


def test_the_rule_fails_where_one_task_is_worse_by_more_than_epsilon():
    rest = [made(name, matched=0.9, k3=1.3) for name in "bcd"]
    assert rule(made("a", k3=0.96), *rest).holds
    decision = rule(made("a", k3=0.94), *rest)
    gap = decision.mean_regret
    assert gap[MATCHED].estimate < gap[OTHERS_K].estimate
    assert decision.worst_task == "a"
    assert decision.worst_gap == pytest.approx(1.2)
    assert not decision.holds


def test_a_fixed_factor_that_is_better_than_matched_makes_the_rule_fail():
    # Each task's k of the others is a bad one, k = 10 is good everywhere but best
    # nowhere when chosen on one other task.
    found = [made("a", k3=0.5, k6=2.0, k10=0.95), made("b", k3=2.0, k6=0.5, k10=0.95)]
    decision = rule(*found)
    assert decision.mean_regret[OTHERS_K].estimate > 10
    assert not decision.holds


def test_the_rule_needs_two_tasks():
    with pytest.raises(
        ValueError, match=r"two tasks or more. Received runs of \['a'\]"
    ):
        decide([made("a")], ["a", "b"])


def records(task="mnist1d_mlp"):
    """One record per cell of the study and seed: its loss is lr + 1000 λ."""
    rate, decay = RECIPES[task]
    cells = [("adamw", cell("adamw", rate, decay))]
    for smaller, larger in [*((k, k) for k in FACTORS), SAME_NORMS]:
        cells.append(("lion", cell("lion", rate / smaller, decay * larger)))
    return pd.DataFrame(
        [
            {
                "optimizer": name,
                **next(iter(space.configurations())),
                "seed": seed,
                "status": "ok",
                "initial_loss": 1e6,
                "floor": 0.1,
                "batch_size": 128,
                "final_loss": next(iter(space.configurations()))["learning_rate"]
                + 1000 * next(iter(space.configurations()))["weight_decay"],
            }
            for name, space in cells
            for seed in (2, 0, 1)
        ]
    )


def own_grid():
    return pd.DataFrame(
        [
            {
                "optimizer": "lion",
                "learning_rate": rate,
                "weight_decay": decay,
                "seed": seed,
                "status": "ok",
                "initial_loss": 2.3,
                "final_loss": 1.0 + 0.1 * place + 0.01 * seed,
                "floor": 0.1,
                "batch_size": 128,
            }
            for place, (rate, decay) in enumerate(
                (r, d) for d in (0.1, 1.0) for r in (1e-3, 1e-2)
            )
            for seed in range(4)
        ]
    )


def test_losses_are_those_of_the_converted_cells():
    found = conversions("mnist1d_mlp", records(), own_grid())
    rate, decay = RECIPES["mnist1d_mlp"]
    for k in FACTORS:
        expected = rate / k + 1000 * decay * k
        assert found.losses[k] == pytest.approx([expected] * 3, rel=1e-4)
    assert found.losses[MATCHED] == pytest.approx(
        [rate / 4.36 + 1000 * decay * 10.4] * 3, rel=1e-4
    )
    assert found.adamw == pytest.approx([rate + 1000 * decay] * 3, rel=1e-4)
    assert found.own_best.estimate == pytest.approx(1.015)
    assert found.edges == ("low learning_rate", "low weight_decay")


def test_a_run_that_diverged_counts_with_the_loss_it_began_with():
    runs = records()
    last = (runs["optimizer"] == "lion") & (runs["seed"] == 1)
    runs.loc[last, ["status", "final_loss"]] = ["diverged", np.nan]
    runs.loc[last, "initial_loss"] = 2.3
    found = conversions("mnist1d_mlp", runs, own_grid())
    assert found.losses[MATCHED][1] == 2.3  # in the order of seeds
    assert found.losses[MATCHED][0] > 1000


def test_sentences_set_tasks_below_a_baseline_apart():
    lines = sentences([made("mnist1d_mlp"), made("digits_mlp"), made("python_lm")])
    assert "python_lm (above the bigram baseline): regret" in lines[2]
    assert lines[3].startswith("2 all tasks: ")
    assert lines[4].startswith("3 all tasks and python_lm: ")
    assert len(lines) == 5


def test_a_row_of_the_page_has_the_kept_regrets():
    found = [made("mnist1d_mlp", k3=1.2), made("digits_mlp", k10=1.1)]
    kept = entries(found)
    cells = row("mnist1d_mlp", kept).split(" | ")
    assert cells[0] == "| `mnist1d_mlp`"
    assert cells[1].startswith("0.100 [0.061, 0.139]")
    assert cells[2].startswith("0.600 [")
    assert cells[2].endswith("(k = 10)")
    assert cells[3].startswith("0.300 [")
    assert cells[5].startswith("0.600 [")
    assert cells[6].startswith("0.200 [0.200, 0.200]")
    assert cells[7] == "0.05 |"
    assert kept["all tasks, matched"]["n"] == 2


def test_the_page_has_the_rows_of_the_kept_numbers():
    kept = json.loads(
        (RESULTS / "transfer_from_adamw" / "conversion.json").read_text("utf-8")
    )["claims"]
    page = (ROOT / "docs" / "converting-from-adamw.md").read_text("utf-8")
    tasks = [task for task in EPSILON if f"{task}, {MATCHED}" in kept]
    assert summary(kept) in " ".join(page.split())
    section = page.split("## How near they come")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row(task, kept) for task in tasks]


def test_the_figure_shows_matched_and_the_own_best():
    figure = conversion_figure([made("a", matched=1.07), made("b")])
    figure.draw_without_rendering()
    first = figure.axes[0]
    marks = [line for line in first.lines if line.get_marker() == "D"]
    assert [float(line.get_ydata()[0]) for line in marks] == pytest.approx([1.07])
    assert [float(line.get_xdata()[0]) for line in marks] == [4.36]
    best = [
        line
        for line in first.lines
        if to_hex(str(line.get_color())) == DARK.lower() and line.get_linestyle() == ":"
    ]
    assert [float(line.get_ydata()[0]) for line in best] == [0.9]
    assert [ax.get_title() for ax in figure.axes] == ["a", "b"]
    with pytest.raises(ValueError, match="needs a task"):
        conversion_figure([])
