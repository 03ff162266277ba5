"""Which figures a study gets, and what their captions say."""

import pkgutil
from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest

from keras_lion import report
from keras_lion.report import pictures
from keras_lion.report.elements.drawing import Drawing, Material
from keras_lion.report.pictures import FIGURES, LeftOutWarning, pictures_of
from keras_lion.robustness import Landscape

from ..robustness.made_up import study


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(pictures, "png_of", lambda figure: b"")


def material(frame, *, metric="accuracy", value="final_loss"):
    values = ["score", *([value] if value != "score" else [])]
    return Material(
        title="digits",
        task="digits",
        metric=metric,
        value=value,
        epsilon=0.05,
        runs=frame,
        landscapes={
            each: {
                name: Landscape.from_runs(frame, optimizer=name, value=each)
                for name in sorted(frame["optimizer"].unique(), reverse=True)
            }
            for each in values
        },
    )


def captions(frame, **options):
    found = pictures_of(material(frame, **options))
    return {picture.name: picture.caption for picture in found}


@pytest.fixture(scope="module")
def frame():
    return study()


def test_every_figure_of_the_package_is_in_the_list():
    modules = pkgutil.walk_packages(report.__path__, f"{report.__name__}.")
    found = [
        value
        for module in modules
        for value in vars(import_module(module.name)).values()
        if isinstance(value, Drawing)
    ]
    names, listed = ({each.name for each in each_of} for each_of in (found, FIGURES))
    assert names == listed, "FIGURES in report/pictures.py lists every figure"
    assert len(found) >= len(FIGURES) == len(listed)


def test_a_study_of_two_optimizers(frame):
    assert list(captions(frame)) == [
        "heatmap",
        "heatmap_loss",
        "isolation",
        "regret_profile",
        "windows",
        "divergence",
        "collapse",
        "rule_of_thumb",
        "best_of_k",
    ]


@pytest.mark.parametrize(
    ("change", "left_out"),
    [
        (lambda runs: runs[runs["optimizer"] == "lion"], {"windows", "rule_of_thumb"}),
        (lambda runs: runs.replace("adamw", "signum"), {"rule_of_thumb"}),
        (lambda runs: runs[runs["status"] == "ok"], {"divergence"}),
        (lambda runs: runs[runs["weight_decay"] == 0], {"collapse"}),
        (
            lambda runs: runs.drop(
                runs.query("optimizer == 'lion' and weight_decay > 3").index
            ),
            {"windows"},
        ),
    ],
    ids=["one optimizer", "no AdamW", "none diverged", "no decay", "unlike grids"],
)
def test_what_the_data_do_not_give_is_left_out(frame, change, left_out):
    names = set(captions(change(frame)))
    assert not names & left_out
    assert {"heatmap", "heatmap_loss", "isolation", "best_of_k"} <= names


def test_curves_need_the_history_of_every_run(frame):
    history = {"epoch": [10, 20], "loss": [0.9, 0.3]}
    known = frame.assign(history=[history] * len(frame))
    assert "learning_curves" in captions(known)
    known.at[7, "history"] = None
    assert "learning_curves" not in captions(known)


def test_nothing_that_trained_leaves_the_heatmaps(frame):
    dead = frame.assign(status="diverged", score=0.1, final_loss=np.nan)
    assert list(captions(dead)) == ["heatmap", "heatmap_loss", "divergence"]


def test_lines_of_one_product_are_for_steps_to_a_target(frame):
    steps = frame.assign(
        score=-np.log10(320 * frame["score"]), floor=-3.0, metric="steps_to_target"
    )
    assert "iso_product" in captions(steps, metric="steps_to_target", value="score")
    assert "iso_product" not in captions(frame)


def test_captions_say_the_numbers(frame):
    found = captions(frame)
    bad = frame[frame["status"] == "diverged"]
    for name, label in (("lion", "Lion"), ("adamw", "AdamW")):
        runs = bad[bad["optimizer"] == name]
        first = runs["learning_rate"].min()
        assert f"{label}: {len(runs)} of 90 runs" in found["divergence"]
        assert f"from lr = {first:.2g}" in found["divergence"]
    means = frame.assign(
        loss=frame["final_loss"].where(frame["status"] == "ok", frame["initial_loss"])
    )
    cells = means.groupby(["optimizer", "learning_rate", "weight_decay"])["loss"].mean()
    good = (cells <= cells.min() + 0.05).groupby("optimizer").mean()
    regret = cells.groupby("optimizer").mean() - cells.min()
    for name, label in (("lion", "Lion"), ("adamw", "AdamW")):
        assert f"{label} {100 * good[name]:.0f} %" in found["regret_profile"]
        assert f"{label} {regret[name]:.3g} nats" in found["regret_profile"]
        assert f"{label} {cells[name].mean():.3f} [" in found["best_of_k"]
    assert "(n=3) with k = 4" in found["best_of_k"]
    assert "Lion has the wider range" in found["windows"]
    assert "within 0.05 nats of the common best" in found["heatmap_loss"]
    assert "within 1 point of the common best" in found["heatmap"]


def across(frame):
    """The figures over all conditions of a task."""
    task = Material("digits", "digits", "accuracy", "score", 0.05, frame, {})
    return pictures_of(task, scope="batch sizes")


def test_the_figure_over_the_batch_size(frame):
    assert across(frame) == []
    small = study(size=4)
    both = pd.concat([small.assign(batch_size=size) for size in (32, 128)])
    (picture,) = across(both)
    assert picture.name == "batch_size"
    assert "Lion lr* ∝ B^" in picture.caption
    # Different seeds, budgets or betas cannot be compared.
    other = both.assign(seed=both["seed"] + both["batch_size"])
    assert across(other) == []


def test_some_figures_are_enough_where_some_are_asked_for(frame):
    found = pictures_of(material(frame), ("windows", "heatmap", "batch_size"))
    assert [picture.name for picture in found] == ["heatmap", "windows"]


def test_a_figure_that_fails_is_left_out_and_said(frame, monkeypatch):
    def fail(given):
        raise ValueError("odd grid")

    first, second = FIGURES[:2]
    broken = (replace(first, figure=fail), second)
    monkeypatch.setattr(pictures, "FIGURES", broken)
    with pytest.warns(LeftOutWarning, match="heatmap of digits is left out: odd grid"):
        assert list(captions(frame)) == ["heatmap_loss"]
