"""The report of a search: scatter, best so far, what to try next, and no grid."""

import html
import json
import re

import numpy as np
import pandas as pd
import pytest

from keras_lion.report.elements.style import ACCURACY, LOSS, optimizer_color
from keras_lion.report.figures.best_so_far import best_so_far_figure
from keras_lion.report.figures.search_line import search_line_figure
from keras_lion.report.figures.search_map import score_limits, search_map_figure
from keras_lion.report.write import write_pages, write_report
from keras_lion.robustness.cautions.cautions import LEADING
from keras_lion.robustness.frames.search_trials import best_trial, trials_of
from keras_lion.tuning import Axis, SearchSpace
from keras_lion.tuning.runs.files import RecordWriter, write_json
from keras_lion.tuning.study import Plan

from ..robustness.made_up import run
from ..robustness.test_search_trials import random_runs
from .drawn import legend_of, named

IMPORTED = {"name": "mine", "import": {}, "plans": {}, "comparison": {}}
SEARCHED = {
    "name": "mine",
    "search": {"oracle": "RandomSearchOracle", "seed": 1},
    "plans": {"digits": {}},
    "comparison": {"statement": "None: a search compares nothing."},
}


def written(folder, frame, study=IMPORTED):
    path = write_pages(folder, frame, study, {})
    page = html.unescape(path.read_text(encoding="utf-8"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return page, summary, pd.read_csv(folder / "summary.csv")


def two(**columns):
    adamw = random_runs(20, seed=1, optimizer="adamw")
    return pd.concat([random_runs(), adamw], ignore_index=True).assign(**columns)


def test_a_search_is_no_grid_with_holes(tmp_path):
    page, summary, table = written(tmp_path, two())
    assert "cells have no score" not in page
    assert "lr × λ alone" not in page
    assert "ε" not in page
    assert "mean regret" not in page
    assert summary["verdicts"] == []
    assert summary["tasks"]["digits"]["verdicts"] == []
    names = sorted(path.name for path in (tmp_path / "figures").iterdir())
    assert names == ["digits_best_so_far.png", "digits_search_map.png"]
    assert table["optimizer"].tolist() == ["lion", "adamw"]
    assert table["num_trials"].tolist() == [30, 20]
    best = random_runs()["score"].max()
    assert table["score"][0] == pytest.approx(best)
    assert f"best validation accuracy {100 * best:.1f} %" in page
    assert "different numbers of trials (Lion 30, AdamW 20)" in page


def test_searched_betas_and_batch_sizes_are_one_search(tmp_path):
    frame = random_runs().assign(
        beta_2=np.linspace(0.9, 0.99, 30), batch_size=[32, 64, 128] * 10
    )
    page, summary, table = written(tmp_path, frame, SEARCHED)
    assert list(summary["tasks"]) == ["digits"]
    assert len(table) == 1
    assert "beta_2 (0.9 to 0.99) and batch_size (32 / 64 / 128)" in page
    assert "chosen by KerasTuner's RandomSearchOracle" in page
    assert "a search compares nothing" not in page


def test_the_next_window_can_be_pasted(tmp_path):
    _, summary, _ = written(tmp_path, random_runs())
    lines = summary["tasks"]["digits"]["code"]
    axes = [eval(line, {"Axis": Axis}) for line in lines]
    best = best_trial(trials_of(random_runs()))
    for axis in axes:
        assert axis.values[2] == pytest.approx(best[axis.name], rel=1e-5)
        assert len(axis.values) == 5
    _, summary, _ = written(tmp_path, random_runs(), SEARCHED)
    for line in summary["tasks"]["digits"]["code"]:
        found = re.fullmatch(
            r'space\.Float\("(\w+)", (\S+), (\S+), sampling="log"\)', line
        )
        assert float(found[2]) < best[found[1]] < float(found[3])


def test_a_best_trial_at_the_end_of_the_range_is_said(tmp_path):
    frame = random_runs().assign(score=lambda runs: runs["learning_rate"] / 0.02)
    page, _, _ = written(tmp_path, frame)
    assert "among the highest lr tried" in page
    assert "the optimum may lie beyond: search lr from" in page


def test_the_range_of_the_oracle_is_searched_to_its_end(tmp_path):
    frame = random_runs().assign(score=lambda runs: runs["learning_rate"] / 0.02)
    low, high = 1e-5, 1.0
    parameter = {"name": "learning_rate", "min_value": low, "max_value": high}
    space = [{"class_name": "Float", "config": parameter}]
    search = {**SEARCHED["search"], "space": space}
    page, summary, _ = written(tmp_path, frame, {**SEARCHED, "search": search})
    assert "and the range of the search goes on to 1" in page
    assert summary["tasks"]["digits"]["code"][0].endswith(', 1, sampling="log")')


def test_what_to_do_where_most_or_all_trials_are_lost(tmp_path):
    def said(runs):
        _, summary, _ = written(tmp_path, runs, SEARCHED)
        entry = summary["tasks"]["digits"]
        return " ".join(entry["next"]), " ".join(entry["cautions"])

    failed = random_runs(8).assign(
        status="failed", score=np.nan, reason="Traceback:\n  File\nTypeError: no."
    )
    advice, caution = said(failed)
    assert "every trial failed. Correct the error" in advice
    assert "The first error: TypeError: no." in caution
    assert "Traceback" not in caution
    low = random_runs(8).assign(
        status="diverged", score=0.1, reason="the final accuracy 0.1 is chance (0.1)"
    )
    low = low.assign(initial_loss=2.3, final_loss=2.2)
    advice, _ = said(low)
    assert "move the range to higher learning rates, or train longer" in advice
    low.loc[low["learning_rate"].idxmax(), ["status", "score"]] = ["ok", 0.9]
    advice, caution = said(low)
    assert "7 of 8 trials diverged: no trial trains at a learning rate below" in caution
    assert "move the range to higher learning rates" in caution
    advice, _ = said(random_runs(3))
    assert "after 3 trials no part of the ranges can be left out" in advice


def test_the_test_score_of_the_best_is_shown_where_it_is_known(tmp_path):
    frame = random_runs()
    page, _, _ = written(tmp_path, frame)
    assert "test accuracy" not in page
    best = frame["score"].idxmax()
    page, _, table = written(tmp_path, frame.assign(test_score=frame["score"] - 0.01))
    known = f"{100 * (frame['score'][best] - 0.01):.1f}"
    assert f"test accuracy of the best trial {known} %" in page
    assert table["test_score"][0] == pytest.approx(frame["score"][best] - 0.01)


def test_losses_are_shown_as_losses(tmp_path):
    frame = random_runs().assign(
        metric="loss", score=lambda runs: runs["score"] - 2, floor=-3.0
    )
    page, summary, _ = written(tmp_path, frame)
    best = -frame["score"].max()
    assert f"best validation loss {best:.3f}" in page
    assert "−" not in summary["tasks"]["digits"]["answer"]
    data = json.loads(re.search(r'id="run-data">(.*?)</script>', page, re.S)[1])
    assert "score" not in data["columns"]
    shown = [row[data["columns"].index("loss")] for row in data["rows"]]
    assert min(shown) == pytest.approx(best, rel=1e-5)
    # What the losses of imported runs are is not known.
    assert "nats" not in page


@pytest.mark.parametrize(
    "change",
    [
        lambda runs: runs.iloc[:1].assign(preset="search"),
        lambda runs: runs.iloc[:2],
        lambda runs: runs.assign(status="diverged", score=0.1),
        lambda runs: runs.assign(status="failed", score=np.nan, reason="no memory"),
        lambda runs: runs.assign(weight_decay=0.0),
        lambda runs: runs.assign(learning_rate=1e-3),
        lambda runs: runs.assign(
            weight_decay=[0.0, *runs["weight_decay"].iloc[1:].tolist()]
        ),
        lambda runs: runs.assign(optimizer="an_optimizer_with_a_long_name" * 3),
        lambda runs: runs.assign(score=0.5),
        lambda runs: runs.drop(columns=["epochs", "test_score", "seconds"]),
    ],
    ids=[
        "one trial",
        "two trials",
        "all diverged",
        "all failed",
        "no decay",
        "one learning rate",
        "a trial without decay",
        "a long name",
        "one score",
        "few columns",
    ],
)
def test_odd_searches_have_a_report(tmp_path, change):
    page, summary, _ = written(tmp_path, change(random_runs()).reset_index(drop=True))
    answer = summary["tasks"]["digits"]["answer"]
    said = page[: page.index('id="run-data"')]
    visible = re.sub(r'src="[^"]*"|<style>.*?</style>', "", said, flags=re.S)
    assert not re.search(r"\b(nan|None|inf)\b", visible)
    assert answer.startswith(("Lion: ", "an_optimizer"))


def test_trials_are_in_the_order_in_which_they_ran(tmp_path):
    frame = random_runs(12)
    writer = RecordWriter(tmp_path, "0")
    for record in frame.astype(object).to_dict("records"):
        writer.append(
            {key: None if value != value else value for key, value in record.items()}
        )
    write_json(tmp_path / "study.json", IMPORTED)
    write_report(tmp_path)
    table = pd.read_csv(tmp_path / "summary.csv")
    assert table["best_trial"][0] == frame["score"].idxmax() + 1
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert runs["key"].astype(str).tolist() == frame["key"].tolist()


def test_the_map_has_every_trial_and_rings_the_best():
    trials = trials_of(
        random_runs(30).assign(status=lambda r: np.where(r.index % 5, "ok", "diverged"))
    )
    ax = search_map_figure({"lion": trials}).axes[0]
    points = np.concatenate([each.get_offsets() for each in ax.collections[-5:-2]])
    assert len(points) == 30
    best = best_trial(trials)
    place = np.log10([best["learning_rate"], best["weight_decay"]])
    np.testing.assert_allclose(ax.collections[-1].get_offsets()[0], place)
    for low, high, values in (
        (*ax.get_xlim(), points[:, 0]),
        (*ax.get_ylim(), points[:, 1]),
    ):
        assert low < values.min()
        assert values.max() < high


def test_trials_without_decay_stand_below_a_tick_of_their_own():
    runs = random_runs(10)
    runs.loc[3, "weight_decay"] = 0.0
    ax = search_map_figure({"lion": trials_of(runs)}).axes[0]
    assert ax.get_yticklabels()[0].get_text() == "0"
    positive = np.log10(runs["weight_decay"].drop(3)).min()
    assert ax.get_yticks()[0] < positive
    assert "diverged" not in legend_of(ax.figure)


@pytest.mark.parametrize(("quantity", "sign"), [(ACCURACY, 100), (LOSS, -1)])
def test_colors_reach_from_the_worst_usual_to_the_best(quantity, sign):
    trials = {"lion": trials_of(random_runs(40))}
    low, high = score_limits(trials, quantity)
    shown = sign * trials["lion"]["score"]
    best, worst = (shown.max(), shown.min()) if sign > 0 else (shown.min(), shown.max())
    assert (high if sign > 0 else low) == pytest.approx(best)
    assert min(best, worst) < (low if sign > 0 else high) < max(best, worst)
    # Scores that read the same have nearly one color.
    alike = {"lion": trials["lion"].assign(score=0.5 + 1e-6 * np.arange(40))}
    low, high = score_limits(alike, quantity)
    assert high - low > 100 * abs(sign) * 4e-5


def test_the_line_of_one_hyperparameter_and_the_best_so_far():
    trials = trials_of(random_runs(20).assign(weight_decay=0.1))
    ax = search_line_figure({"lion": trials}, "learning_rate").axes[0]
    dots = named(ax, "Lion")
    assert dots.get_color() == optimizer_color("lion")
    low, high = ax.get_ylim()
    assert all(low < y < high for y in dots.get_ydata())
    ax = best_so_far_figure({"lion": trials}).axes[0]
    steps = named(ax, "Lion")
    assert list(steps.get_xdata()) == list(range(1, 21))
    assert steps.get_ydata()[-1] == pytest.approx(100 * trials["score"].max())
    assert steps.get_color() == optimizer_color("lion")


def test_a_single_run_comes_with_the_study_that_repeats_it(tmp_path):
    frame = random_runs(20).assign(width=16, epochs=4, batch_size=32)
    _, summary, _ = written(tmp_path, frame, SEARCHED)
    (caution,) = summary["tasks"]["digits"]["cautions"]
    assert "is a single run" in caution
    pasted = caution.partition("in a Study with ")[2].removesuffix(".")
    names = {"Plan": Plan, "SearchSpace": SearchSpace, "Axis": Axis}
    plan = eval(pasted, names)
    assert (plan.seeds, plan.epochs) == (5, 4)
    best = frame.loc[frame["score"].idxmax()]
    (configuration,) = plan.configurations("lion")
    kept = ("learning_rate", "weight_decay", "beta_1", "beta_2", "batch_size", "width")
    assert configuration == {name: best[name] for name in kept}
    # Who imported runs made them elsewhere.
    _, summary, _ = written(tmp_path, frame, IMPORTED)
    (caution,) = summary["tasks"]["digits"]["cautions"]
    assert caution.endswith("before comparing, and import these runs too.")


def test_at_most_three_cautions_stand_above_the_table(tmp_path):
    frame = pd.concat(
        [
            pd.DataFrame([run(optimizer=name, status="failed", score=np.nan)])
            for name in ("lion", "adamw", "sgd", "adam", "signum")
        ],
        ignore_index=True,
    )
    frame = pd.concat([frame, two()], ignore_index=True).assign(preset="search")
    page, summary, _ = written(tmp_path, frame, SEARCHED)
    cautions = summary["tasks"]["digits"]["cautions"]
    assert len(cautions) > LEADING == 3
    folded = page.index("<details")
    places = [page.index(text) for text in cautions]
    assert [place > folded for place in places] == [
        at >= LEADING for at in range(len(cautions))
    ]
    assert max(places) < page.index("<table>")
    assert f"{len(cautions) - 3} more caution" in page
