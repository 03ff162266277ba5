"""Reports of studies over text, booleans and hyperparameters of some runs only."""

from __future__ import annotations

import html
import io
import json
import re

import keras
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from rich.console import Console

from keras_lion.last_screen import print_summary
from keras_lion.report import pictures, write_report
from keras_lion.report.elements.overlays import DEAD
from keras_lion.report.elements.style import LOSS
from keras_lion.report.figures.facets import FIGURE, facet_figure
from keras_lion.report.pictures import FIGURES
from keras_lion.report.run_table import differing_columns, run_table
from keras_lion.report.write import write_pages
from keras_lion.robustness import Landscape
from keras_lion.robustness.frames.conditions import parts_of
from keras_lion.tuning import Axis, SearchSpace, load_runs, run_study
from keras_lion.tuning.study import Plan
from tests.report.drawn import legend_of
from tests.robustness.made_up import study
from tests.robustness.test_conditions import changed, conditional, copies
from tests.tuning.tiny import BETAS, tiny_study, tiny_task

DECLARED = {"name": "x", "plans": {"digits": {}}, "comparison": {"statement": ""}}


def rows_of(frame):
    return {
        part.label: {
            name: Landscape.from_runs(part.runs, optimizer=name, value="final_loss")
            for name in part.runs["optimizer"].unique()
        }
        for part in parts_of(frame)
    }


def titles_of(figure):
    """The names of the rows, from top to bottom."""
    bold = [t for ax in figure.axes for t in ax.texts if t.get_fontweight() == "bold"]
    return [text.get_text() for text in bold]


def panels_of(figure):
    return [ax for ax in figure.axes if ax.get_title()]


def colors_of(ax):
    """The colors of the cells that trained, without their opacity."""
    found = {patch.get_facecolor() for patch in ax.patches if patch.get_fill()}
    return {color[:3] for color in found - {to_rgba(DEAD)}}


def test_a_row_per_condition_and_a_column_per_optimizer():
    rows = rows_of(copies(activation=("relu", "tanh"), frame=study(size=3)))
    figure = facet_figure(rows, quantity=LOSS, epsilon=0.05)
    assert titles_of(figure) == ["activation relu", "activation tanh"]
    panels = panels_of(figure)
    assert [ax.get_title().split("\n")[0] for ax in panels] == ["Lion", "AdamW"] * 2
    assert "within 0.05 nats of the best of its row" in legend_of(figure)
    figure.draw_without_rendering()
    # Rows of one optimizer share a column, and lie one below the other.
    boxes = [ax.get_position() for ax in panels]
    assert boxes[0].x0 == pytest.approx(boxes[2].x0, abs=0.02)
    assert boxes[0].y0 > boxes[2].y1
    assert boxes[0].x1 < boxes[1].x0


def test_all_rows_share_the_color_scale():
    frame = copies(activation=("relu", "tanh"), frame=study(size=3, noise=0))
    worse = frame["activation"] == "tanh"
    frame.loc[worse, "final_loss"] += 0.2
    figure = facet_figure(rows_of(frame), quantity=LOSS)
    good, _, bad, _ = panels_of(figure)
    assert max(map(np.mean, colors_of(good))) > max(map(np.mean, colors_of(bad)))
    # Of equal rows the colors are equal.
    frame.loc[worse, "final_loss"] -= 0.2
    first, _, second, _ = panels_of(facet_figure(rows_of(frame), quantity=LOSS))
    assert colors_of(first) == colors_of(second)


def test_an_optimizer_without_runs_leaves_its_panel_empty():
    rows = rows_of(copies(norm=(False, True)))
    del rows["norm True"]["lion"]
    figure = facet_figure(rows, quantity=LOSS)
    assert len(panels_of(figure)) == 3
    assert "no run of Lion" in [t.get_text() for ax in figure.axes for t in ax.texts]
    with pytest.raises(ValueError, match="needs an optimizer"):
        facet_figure({})


def pages(folder, frame, **options):
    write_pages(folder, frame, DECLARED, {}, **options)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return pd.read_csv(folder / "summary.csv"), summary


def names_of(folder):
    return sorted(path.name for path in (folder / "figures").iterdir())


def test_conditions_are_columns_of_the_summary(tmp_path, heatmaps_only):
    frame = conditional()
    table, summary = pages(tmp_path, frame)
    place = ["section", "task", "optimizer", "activation", "norm", "momentum"]
    assert table.columns[:6].tolist() == place
    assert table["num_runs"].sum() == len(frame)
    assert table["momentum"].isna().tolist() == (~table["norm"].astype(bool)).tolist()
    entry = summary["tasks"]["digits, activation tanh, norm True, momentum 0.9"]
    condition = {"activation": "tanh", "norm": True, "momentum": 0.9}
    assert entry["condition"] == condition
    assert all(condition.items() <= row.items() for row in entry["optimizers"])
    entry = summary["tasks"]["digits, activation relu, norm False"]
    assert entry["condition"] == {"activation": "relu", "norm": False}
    assert entry["optimizers"][0]["momentum"] is None


def test_a_column_that_the_summary_has_is_not_overwritten(tmp_path, heatmaps_only):
    table, _ = pages(tmp_path, copies(epsilon=(1e-8, 1e-3)))
    assert set(table["condition_epsilon"]) == {1e-8, 1e-3}
    assert set(table["epsilon"]) == {0.05}


def test_batch_sizes_are_compared_within_each_condition(tmp_path):
    frame = copies(study(size=4), batch_size=(32, 128))
    pages(tmp_path, frame, drawings=["batch_size", "facets"])
    assert names_of(tmp_path) == ["digits_batch_size.png", "digits_facets.png"]
    both = copies(frame, activation=("relu", "tanh"))
    (tmp_path / "both").mkdir()
    pages(tmp_path / "both", both, drawings=["batch_size"])
    names = names_of(tmp_path / "both")
    assert len(names) == 2
    assert all(re.match("digits-activation-(relu|tanh)-", name) for name in names)


def test_one_condition_has_no_facets(tmp_path):
    pages(tmp_path, study(size=2), drawings=["facets", "heatmap"])
    assert names_of(tmp_path) == ["digits_heatmap.png"]


def test_optimizers_that_differ_are_a_caution(tmp_path, heatmaps_only):
    frame = changed(study(size=2).assign(cautious=True), "adamw", cautious=None)
    _, summary = pages(tmp_path, frame)
    cautions = summary["tasks"]["digits"]["cautions"]
    assert sum("differ in cautious" in each for each in cautions) == 1


def test_the_table_of_runs_shows_what_some_runs_do_not_have():
    frame = study(size=2)
    assert differing_columns(frame.assign(norm=True)) == []
    frame["momentum"] = 0.5
    frame.loc[::2, "momentum"] = np.nan
    assert differing_columns(frame) == ["momentum"]
    table = run_table(frame)
    at = table["columns"].index("momentum")
    assert {row[at] for row in table["rows"]} == {0.5, None}


def network(hp):
    """`activation` is text; `momentum` is only used with `norm`."""
    built = [keras.layers.Input((4,)), keras.layers.Dense(8)]
    if hp.Boolean("norm"):
        with hp.conditional_scope("norm", [True]):
            momentum = hp.Float("momentum", 0.5, 1.0)
        built.append(keras.layers.BatchNormalization(momentum=momentum))
    built.append(keras.layers.Activation(hp.Choice("activation", ["relu", "tanh"])))
    return keras.Sequential([*built, keras.layers.Dense(3)])


AXES = (
    Axis("activation", ("relu", "tanh")),
    Axis("norm", (False, True)),
    Axis("momentum", (0.5, 0.9)),
    Axis("learning_rate", (1e-2, 1e-1)),
)


@pytest.mark.slow
def test_a_study_over_text_and_a_conditional_hyperparameter(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "FIGURES", (FIGURES[0], FIGURE))
    spaces = {
        name: SearchSpace(AXES, {**BETAS[name], "weight_decay": 0.1})
        for name in ("adamw", "lion")
    }
    declared = tiny_study(Plan(spaces, epochs=2, seeds=1), tiny_task(model=network))
    run_study(declared, preset="smoke", output=tmp_path)
    runs = load_runs(tmp_path)
    assert len(runs) == 2 * 12
    assert (runs["status"] == "ok").any()
    page = html.unescape(write_report(tmp_path).read_text(encoding="utf-8"))
    conditions = [
        f"activation {activation}, {rest}"
        for activation in ("relu", "tanh")
        for rest in (
            "norm False",
            "norm True, momentum 0.5",
            "norm True, momentum 0.9",
        )
    ]
    for condition in conditions:
        assert f"blobs, {condition}" in page
    table = pd.read_csv(tmp_path / "summary.csv")
    assert table["num_runs"].sum() == len(runs)
    assert len(table) == 2 * len(conditions)
    assert "blobs: all conditions" in page
    assert f'alt="{FIGURE.shows}, task blobs"' in page
    assert (tmp_path / "figures" / "blobs_facets.png").stat().st_size > 10_000
    caption = next(
        each for each in page.split("<figcaption>") if "under each condition (" in each
    )
    assert all(f"{condition}: " in caption for condition in conditions)
    file = io.StringIO()
    print_summary(tmp_path, ["blobs"], Console(file=file, width=200))
    screen = file.getvalue()
    assert all(f"({condition})." in screen for condition in conditions)
