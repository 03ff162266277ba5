"""What was put into an export comes out of it: cells, seeds and values, by property."""

from __future__ import annotations

import contextlib
import io
import json
import math
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_lion.tuning.runs.readers import read_runs

RATES = (1e-5, 1e-4, 3e-4, 0.001, 0.0025, 0.01, 0.1)
DECAYS = (0.0, 0.01, 0.1, 0.3, 1.0)
EXTRAS = {
    "depth": (2, 4, 8),
    "activation": ("relu", "tanh"),
    "nesterov": (True, False),
    "dropout": (0.0, 0.1, 0.25),
}
EXAMPLES = 12


@dataclass(frozen=True)
class Run:
    """One run as it is put in."""

    optimizer: str
    rate: float
    decay: float
    extra: object
    seed: int
    score: float


@dataclass(frozen=True)
class Sweep:
    """Runs, the name of their extra hyperparameter, and how they are written down."""

    runs: tuple[Run, ...]
    extra: str | None
    has_seeds: bool
    in_float32: bool  # every other learning rate and weight decay

    def written(self, index, value):
        """A number as the export has it."""
        return float(np.float32(value)) if self.in_float32 and index % 2 else value


@st.composite
def sweeps(draw):
    """A grid of two optimizers with holes in it, the runs in any order."""
    rates = draw(st.lists(st.sampled_from(RATES), min_size=2, max_size=3, unique=True))
    decays = draw(
        st.lists(st.sampled_from(DECAYS), min_size=1, max_size=2, unique=True)
    )
    extra = draw(st.sampled_from([None, *EXTRAS]))
    values = EXTRAS[extra] if extra else (None,)
    grid = [
        (optimizer, rate, decay, value, seed)
        for optimizer in ("lion", "adamw")
        for rate in rates
        for decay in decays
        for value in values
        for seed in range(draw(st.integers(1, 3)))
    ]
    keep = draw(st.lists(st.integers(0, len(grid) - 1), min_size=2, unique=True))
    runs = [Run(*grid[i], score=round(0.1 + 0.8 * i / len(grid), 4)) for i in keep]
    return Sweep(tuple(runs), extra, draw(st.booleans()), draw(st.booleans()))


def configuration(sweep, index, run, names=("optimizer", "lr", "weight_decay")):
    """The columns of a run but for its result."""
    optimizer, rate, decay = names
    row = {
        optimizer: run.optimizer,
        rate: sweep.written(index, run.rate),
        decay: sweep.written(index, run.decay),
    }
    if sweep.extra:
        row[sweep.extra] = run.extra
    if sweep.has_seeds:
        row["seed"] = run.seed
    return row


def rows_of(sweep, prefix=""):
    return [
        {f"{prefix}{k}": v for k, v in configuration(sweep, i, run).items()}
        for i, run in enumerate(sweep.runs)
    ]


def with_scores(sweep, rows, name):
    return [{**row, name: run.score} for row, run in zip(rows, sweep.runs, strict=True)]


# --- writers: each gives the source and what has to be said to read it ---


def wandb_flat(sweep, folder):
    """Weights & Biases, the table of runs."""
    rows = with_scores(sweep, rows_of(sweep, "config."), "val_acc")
    for i, row in enumerate(rows):
        row |= {"Name": f"sun-{i}", "State": "finished", "Created": f"2026-05-{i}"}
        row |= {"summary.train_loss": i / 7, "summary._step": i, "config.model": "cnn"}
    pd.DataFrame(rows).to_csv(folder / "wandb.csv", index=False, encoding="utf-8-sig")
    return folder / "wandb.csv", {}


def wandb_nested(sweep, folder):
    """Weights & Biases, as its documentation exports runs: cells of JSON."""
    rows = []
    for i, row in enumerate(rows_of(sweep)):
        config = {k: {"value": v, "desc": None} for k, v in row.items()}
        config["_wandb"] = {"value": {"python": "3.11", "n": i}}
        summary = {"val_acc": sweep.runs[i].score, "_step": i, "loss": math.nan}
        rows.append({"name": f"sun-{i}", "config": config, "summary": summary})
    as_json = [
        {k: json.dumps(v) if isinstance(v, dict) else v for k, v in row.items()}
        for row in rows
    ]
    # pandas writes a column of dicts as Python does.
    pd.DataFrame(rows if sweep.in_float32 else as_json).to_csv(folder / "runs.csv")
    return folder / "runs.csv", {}


def optuna_csv(sweep, folder):
    """Optuna, with one learning rate per optimizer."""
    rows = []
    for i, (run, row) in enumerate(
        zip(sweep.runs, rows_of(sweep, "params_"), strict=True)
    ):
        rate, seed = row.pop("params_lr"), row.pop("params_seed", None)
        row |= {f"params_{run.optimizer}_lr": rate, "number": i, "state": "COMPLETE"}
        row |= {"value": run.score, "duration": "0 days 00:01:01.500000"}
        row |= {} if seed is None else {"user_attrs_seed": seed}
        rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "trials.csv")
    return folder / "trials.csv", {"direction": "max"}


def optuna_multi(sweep, folder):
    """Optuna with two objectives: one has to be named."""
    rows = with_scores(sweep, rows_of(sweep, "params_"), "values_0")
    for i, row in enumerate(rows):
        row |= {"values_1": i * 3.0, "number": i, "state": "COMPLETE"}
    pd.DataFrame(rows).rename(columns={"params_seed": "user_attrs_seed"}).to_csv(
        folder / "trials.csv"
    )
    with pytest.raises(ValueError, match="several objectives: values_0, values_1"):
        read_runs(folder / "trials.csv")
    return folder / "trials.csv", {"columns": {"score": "values_0"}, "direction": "max"}


def tensorboard(sweep, folder):
    """TensorBoard's event files, one session per run."""
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.plugins.hparams import summary_v2
    from tensorboard.summary.writer.record_writer import RecordWriter

    for i, row in enumerate(rows_of(sweep)):
        place = folder / f"run-{i}" / "validation"
        place.mkdir(parents=True)
        start = summary_v2.hparams_pb(row, start_time_secs=0.0)
        scores = [
            summary_pb2.Summary(
                value=[{"tag": "epoch_accuracy", "simple_value": score}]
            )
            for score in (0.05, sweep.runs[i].score)
        ]
        for where, summaries in ((place.parent, [start]), (place, scores)):
            with (where / "events.out.tfevents.1.x").open("wb") as file:
                records = RecordWriter(file)
                for step, summary in enumerate(summaries):
                    event = event_pb2.Event(step=step, summary=summary)
                    records.write(event.SerializeToString())
                file.write(b"\x12\x00")  # cut off
    return folder, {}


def generic(separator, decimal, path, **how):
    def write(sweep, folder):
        rows = with_scores(sweep, rows_of(sweep), "val_acc")
        pd.DataFrame(rows).to_csv(
            folder / path, sep=separator, decimal=decimal, index=False, **how
        )
        return folder / path, {"axes": [sweep.extra] if sweep.extra else []}

    return write


def json_lines(sweep, folder):
    """One object per line, the configuration inside of it."""
    lines = [
        json.dumps({"params": row, "metrics": {"val_acc": run.score}, "state": "done"})
        for row, run in zip(rows_of(sweep), sweep.runs, strict=True)
    ]
    (folder / "runs.jsonl").write_text("\n".join(lines))
    return folder / "runs.jsonl", {"columns": {"score": "metrics.val_acc"}}


WRITERS = {
    "W&B, flat": wandb_flat,
    "W&B, nested cells": wandb_nested,
    "Optuna": optuna_csv,
    "Optuna, two objectives": optuna_multi,
    "TensorBoard": tensorboard,
    "commas": generic(",", ".", "runs.csv"),
    "semicolons": generic(";", ",", "runs.csv", encoding="utf-8-sig"),
    "tabs": generic("\t", ".", "runs.tsv"),
    "compressed": generic("|", ".", "runs.csv.gz"),
    "JSON lines": json_lines,
}


def cells_of(runs):
    """(optimizer, rate, decay, extra) → seed → score; runs are such tuples."""
    cells = defaultdict(dict)
    for *cell, seed, score in runs:
        assert seed not in cells[tuple(cell)]
        cells[tuple(cell)][seed] = score
    return dict(cells)


def put_in(sweep):
    """What a reader has to find; without seeds, runs are numbered in their order."""
    counts = defaultdict(int)
    runs = []
    for run in sweep.runs:
        cell = run.optimizer, run.rate, run.decay, run.extra
        seed = run.seed if sweep.has_seeds else counts[cell]
        counts[cell] += 1
        runs.append((*cell, seed, run.score))
    return cells_of(runs)


def came_out(frame, extra):
    values = frame[extra] if extra else [None] * len(frame)
    columns = [frame[c] for c in ("optimizer", "learning_rate", "weight_decay")]
    return cells_of(zip(*columns, values, frame["seed"], frame["score"], strict=True))


@pytest.mark.parametrize("export", WRITERS)
@given(sweep=sweeps())
@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
def test_what_was_put_in_comes_out(export, sweep):
    with tempfile.TemporaryDirectory() as folder:
        source, how = WRITERS[export](sweep, Path(folder))
        frame = read_runs(source, **how)
    assert (frame["status"] == "ok").all()
    found, expected = came_out(frame, sweep.extra), put_in(sweep)
    assert found.keys() == expected.keys()
    for cell, scores in expected.items():
        assert found[cell] == pytest.approx(scores, abs=1e-7)


@given(sweep=sweeps())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_what_nobody_named_is_never_counted_as_seeds(sweep):
    """Kept as an axis, or asked about, or without a difference inside of any cell."""
    with tempfile.TemporaryDirectory() as folder:
        source, _ = WRITERS["commas"](sweep, Path(folder))
        try:
            frame = read_runs(source)
        except ValueError as error:
            question = str(error)
            frame = None
    if frame is None:
        assert f"axes=['{sweep.extra}']" in question
        return
    extra = pd.Series([repr(run.extra) for run in sweep.runs])
    kept = [sweep.extra] if sweep.extra in frame else []
    cell = ["optimizer", "learning_rate", "weight_decay", *kept]
    assert (extra.groupby([frame[c] for c in cell]).nunique() == 1).all()


# --- projects of KerasTuner, written by its tuners ---


def tuner_project(kind, folder, seed, recorded):
    """A project of a real tuner on a function; `recorded` gets what it returned."""
    import keras_tuner

    space = keras_tuner.HyperParameters()
    space.Choice("optimizer", ["lion", "adamw"])
    space.Choice("learning_rate", list(RATES))
    space.Choice("weight_decay", list(DECAYS))
    space.Boolean("nesterov")
    with space.conditional_scope("nesterov", [True]):
        space.Choice("activation", ["relu", "tanh"])

    class Tuner(getattr(keras_tuner, kind)):
        def run_trial(self, trial, *args, **kwargs):
            values = dict(trial.hyperparameters.values)
            score = round(0.1 + 0.0037 * len(recorded) % 0.8, 6)
            recorded.append((values, score))
            return {"val_accuracy": score, "val_loss": 1 - score}

    size = {"max_epochs": 4, "factor": 2} if kind == "Hyperband" else {"max_trials": 8}
    tuner = Tuner(
        objective=keras_tuner.Objective("val_accuracy", "max"),
        directory=folder,
        project_name="project",
        seed=seed,
        hyperparameters=space,
        **size,
    )
    with contextlib.redirect_stdout(io.StringIO()):
        tuner.search(verbose=0)
    return Path(folder) / "project"


@pytest.mark.parametrize("kind", ["RandomSearch", "Hyperband", "BayesianOptimization"])
@given(seed=st.integers(1, 1000))
@settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow])
def test_projects_of_tuners(kind, seed):
    recorded = []
    with tempfile.TemporaryDirectory() as folder:
        frame = read_runs(tuner_project(kind, folder, seed, recorded))
    assert len(frame) == len(recorded) > 4
    names = ["optimizer", "learning_rate", "weight_decay", "nesterov"]
    found = frame[[*names, "activation", "epochs", "score"]].astype(object)
    expected = pd.DataFrame(
        [
            {
                **{name: values[name] for name in names},
                "activation": values.get("activation"),
                "epochs": values.get("tuner/epochs"),
                "score": score,
            }
            for values, score in recorded
        ]
    ).astype(object)
    pd.testing.assert_frame_equal(
        found.where(found.notna(), None),
        expected.where(expected.notna(), None),
        check_dtype=False,
    )
    # A promoted trial of Hyperband has more epochs: another configuration, no seed.
    assert (frame["seed"] == 0).all()
    assert "executions_per_trial" in frame.attrs["import"]["notes"][0]
