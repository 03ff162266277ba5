"""Columns of which nothing is known, and the remedies that messages name."""

from __future__ import annotations

import contextlib
import csv
import io
import itertools
import re
import shlex
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_lion import cli
from keras_lion.tuning import load_runs
from keras_lion.tuning.runs.names import NAMES, direction_of_name
from keras_lion.tuning.runs.readers import read_runs
from keras_lion.tuning.runs.values import merged, typed

GRID = [
    {"optimizer": o, "lr": lr, "wd": 0.1, "seed": s, "val_acc": 0.5 + 0.01 * s}
    for o, lr, s in itertools.product(("lion", "adamw"), (1e-3, 1e-2), (0, 1))
]


def table(tmp_path, rows=GRID, drop=(), **columns):
    path = tmp_path / "runs.csv"
    frame = pd.DataFrame(rows).assign(**columns).drop(columns=list(drop))
    frame.to_csv(path, index=False)
    return path


# --- what becomes of a column ---


def test_a_column_crossed_with_the_grid_is_an_axis(tmp_path):
    rows = [{**row, "depth": d} for row in GRID for d in (2, 4, 8)]
    for drop in ([], ["seed"]):
        frame = read_runs(table(tmp_path, rows, drop))
        assert frame["depth"].tolist() == [2, 4, 8] * 8
        cells = frame.groupby(["optimizer", "learning_rate", "depth"])["seed"]
        assert (cells.agg(sorted).map(tuple) == (0, 1)).all()


@pytest.mark.parametrize(
    "column",
    [
        {"depth": [2, 4, 2, 8, 2, 4, 2, 2]},
        {"grad_norm": [i / 7 for i in range(8)]},
        {"stopped_early": [True, False, True, True, False, False, True, False]},
        {"name": ["small"] * 5 + ["large"] * 3},
        {"config.output_dir": [f"runs/{i}" for i in range(8)]},
    ],
    ids=str,
)
def test_what_may_be_a_hyperparameter_is_asked_about(tmp_path, column):
    path = table(tmp_path, **column)
    (name,) = column
    with pytest.raises(ValueError, match=rf"{name} \(.*axes=\['{name}'\].*ignore=\["):
        read_runs(path)
    frame = read_runs(path, axes=[name])
    own = name.removeprefix("config.")
    assert frame[own].tolist() == column[name]
    assert own not in read_runs(path, ignore=[name])


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ({"Name": [f"sun-{i}" for i in range(8)]}, "names the runs"),
        ({"train_loss": [i / 7 for i in range(8)]}, "a metric"),
        ({"summary.grad_norm": [i / 7 for i in range(8)]}, "a metric"),
        ({"Created": [f"2026-05-0{i}" for i in range(8)]}, "bookkeeping"),
        ({"_step": range(8)}, "bookkeeping"),
        ({"momentum": 0.9}, "one value"),
        ({"warmup_lr": [1e-4, 1e-4, 1e-3, 1e-3] * 2}, "one value in each cell"),
        ({"comment": ""}, "empty"),
    ],
    ids=str,
)
def test_what_cannot_be_one_is_ignored(tmp_path, column, why):
    frame = read_runs(table(tmp_path, **column))
    (name,) = column
    assert frame.attrs["import"]["ignored"] == {name: why}
    assert len(frame) == 8


def test_a_weight_of_a_loss_is_no_metric(tmp_path):
    rows = [{**row, "aux_loss": weight} for row in GRID for weight in (0, 1)]
    for drop in ([], ["seed"]):
        path = table(tmp_path, rows, drop)
        with pytest.raises(ValueError, match=r"known: aux_loss \(0, 1\)"):
            read_runs(path)
        assert read_runs(path, axes=["aux_loss"])["aux_loss"].tolist() == [0, 1] * 8
    # The same for every seed, which explains it.
    path = table(tmp_path, train_acc=[0.1, 0.2] * 4)
    assert read_runs(path).attrs["import"]["ignored"] == {"train_acc": "a metric"}


def test_one_column_per_optimizer(tmp_path):
    rows = [
        {
            "Optimizer": name,
            f"params_{key}_lr": rate,
            f"wd_{key}": decay,
            "params_sgd_momentum": 0.9 if key == "sgd" else None,
            "value": rate,
            "params_adamw_beta1": 0.8 if key == "adamw" else None,
        }
        for name, key in (("AdamW", "adamw"), ("Lion", "lion"), ("SGD", "sgd"))
        for rate, decay in ((0.1, 0.2), (0.3, 0.4))
    ]
    frame = read_runs(table(tmp_path, rows), direction="min")
    assert frame["learning_rate"].tolist() == [0.1, 0.3] * 3
    assert frame["weight_decay"].tolist() == [0.2, 0.4] * 3
    assert frame["beta_1"].dropna().tolist() == [0.8, 0.8]
    assert frame["sgd_momentum"].dropna().tolist() == [0.9, 0.9]
    # A column of another optimizer says nothing of a run.
    filled = table(tmp_path, rows, params_lion_lr=[1, 2, 0.1, 0.3, 3, 4])
    assert read_runs(filled, direction="min")["learning_rate"].equals(
        frame["learning_rate"]
    )


def test_names_of_ones_own(tmp_path):
    path = table(tmp_path, **{"n layers": [2, 4] * 4})
    with pytest.raises(ValueError, match="`columns` does not know 'width'"):
        read_runs(path, columns={"width": "n layers"})
    frame = read_runs(path, columns={"width": "n layers"}, axes=["width"])
    assert frame["width"].tolist() == [2, 4] * 4
    frame = read_runs(path, constants={"width": 3}, axes=["width"], ignore=["n_layers"])
    assert frame["width"].tolist() == [3] * 8
    # Axes have names of their own.
    taken = table(tmp_path, base_lr=[1, 2] * 4)
    frame = read_runs(taken, columns={"learning_rate": "lr"}, axes=["base_lr"])
    assert frame["base_lr"].tolist() == [1, 2] * 4
    frame = read_runs(table(tmp_path, key=[1, 2] * 4), axes=["key"])
    assert frame["key_in_source"].tolist() == [1, 2] * 4


# --- values ---


@given(
    st.lists(st.floats(1e-8, 1e3), min_size=1, max_size=5),
    st.lists(st.booleans(), min_size=5, max_size=5),
)
@settings(max_examples=100)
def test_float32_rounding_makes_no_new_values(values, rounded):
    decimals = [float(f"{value:.3g}") for value in values]
    mixed = [
        float(np.float32(v)) if r else v
        for v, r in zip(decimals, rounded, strict=False)
    ]
    assert merged(pd.Series(mixed, dtype=float)).tolist() == decimals


def test_values_that_differ_stay_apart():
    values = [1e-4, 1.000001e-4, 2.0**-20, 0.999, 0.9990001, 16777216.5]
    assert merged(pd.Series(values)).tolist() == values
    whole = [16777216.0, 16777217.0]
    assert merged(pd.Series(whole)).tolist() == whole
    assert merged(pd.Series([0.01, 0.1 * 0.1])).tolist() == [0.01, 0.01]


def test_cells_have_types():
    assert typed(pd.Series(["1", "2"])).tolist() == [1, 2]
    assert typed(pd.Series(["True", "false", ""])).tolist() == [True, False, None]
    assert typed(pd.Series(["relu", "1"])).tolist() == ["relu", "1"]
    assert typed(pd.Series(["", "0.5"])).isna().tolist() == [True, False]


@pytest.mark.parametrize(
    ("names", "direction"),
    [
        ("val_loss rmse test_error perplexity nll valid/loss", "min"),
        ("val_acc f1 auc r2 score accuracy val_f1_score", "max"),
        ("value result neg_mean_squared_error loss_accuracy top1_error x", None),
    ],
)
def test_directions_of_names(names, direction):
    for name in names.split():
        assert direction_of_name(name) == direction


# --- the command ---

OPTION = re.compile(
    r"--(?:map|set|axis|ignore|direction|floor|diverged)"
    r"(?: (?!or\b|if\b|to\b|and\b|for\b|is\b|it\b|numbers\b|a\b)(?:'[^']*'|[^\s'-])+)+"
)


def run(capsys, path, *arguments):
    """Exit status and what was printed."""
    output = path.parent / "imported"
    status = cli.main(["import", str(path), "--output", str(output), *arguments])
    printed = capsys.readouterr()
    return status, printed.out + printed.err


def remedies_of(message):
    """The alternatives of a message, as they are typed."""
    return [
        [word for option in options for word in shlex.split(option)]
        for options in (
            OPTION.findall(part) for part in re.split(r" or |; | if ", message)
        )
        if options and "COLUMN" not in " ".join(options)
    ]


QUESTIONS = {
    "unknown column": {"depth": [2, 4, 2, 8, 2, 4, 2, 2]},
    "unknown columns": {"a b": [2, 4, 2, 8, 2, 4, 2, 2], "b (c)": list("xyxyyyxx")},
    "two rates": {"Base LR": [0.3, 0.4] * 4},
    "two scores": {"value": 0.1},
    "one seed": {"seed": 0},
    "no direction": {"val_acc": None, "value": 0.25},
    "two objectives": {"val_acc": None, "values_0": 0.5, "values_loss": 0.25},
    "no weight decay": {"wd": None},
    "no optimizer": {"optimizer": None, "seed": range(8)},
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_remedies_work_when_typed(tmp_path, capsys, question):
    path = table(tmp_path, **QUESTIONS[question])
    status, message = run(capsys, path)
    assert status == 2
    assert "=[" not in message, "Python's words"
    remedies = remedies_of(message)
    assert remedies, message
    for remedy in remedies:
        status, text = run(capsys, path, *remedy)
        if status:  # a second question, such as which of the repeats are seeds
            (second, *_) = remedies_of(text)
            assert text != message
            status, text = run(capsys, path, *remedy, *second)
        assert status == 0, (remedy, text)


def test_map_knows_its_names(tmp_path, capsys):
    path = table(tmp_path)
    status, message = run(capsys, path, "--map", "result=val_acc", "--floor", "0.1")
    assert status == 2
    assert "--map does not know 'result'. Perhaps --map score=val_acc is" in message
    assert all(name in message for name in NAMES)
    assert not (tmp_path / "imported").exists()
    assert run(capsys, path, "--map", "score=val_acc", "--floor", "0.1")[0] == 0
    assert run(capsys, path, "--map", "metric=val_acc")[0] == 0
    status, message = run(capsys, path, "--map", "lr=lr")
    assert "Perhaps --map learning_rate=lr is meant" in message
    with pytest.raises(SystemExit):
        cli.main(["import", "--help"])
    help_text = capsys.readouterr().out
    assert all(name in help_text for name in NAMES)


def test_a_floor_that_no_run_passes_is_questioned(tmp_path, capsys):
    status, message = run(capsys, table(tmp_path), "--floor", "10")
    assert status == 2
    assert "No run would count as trained" in message
    assert "--direction" in message


PERCENT = {"val_acc": None, "Val Acc [%]": [10.0, 80, 85, 90, 91, 92, 93, 94]}


def test_a_floor_in_another_unit_is_refused(tmp_path, capsys):
    path = table(tmp_path, **PERCENT)
    named = ("--map", "score=Val Acc [%]")
    status, message = run(capsys, path, *named, "--floor", "0.1")
    assert status == 2
    assert "give 10 for 10 %" in message
    assert run(capsys, path, *named, "--floor", "10")[0] == 0


def test_a_floor_that_is_better_than_most_results_is_questioned(tmp_path):
    path = table(tmp_path, **PERCENT)
    with pytest.warns(UserWarning, match="5 of 8 results are worse than the floor"):
        read_runs(path, columns={"score": "Val Acc [%]"}, floor=91.5)


@pytest.mark.parametrize(
    ("name", "values"),
    [("learning_rate", [0, 1e-4] * 4), ("weight_decay", [-1, 0.1] * 4)],
)
def test_hyperparameters_out_of_range_name_their_column(tmp_path, capsys, name, values):
    path = table(tmp_path, lr=None, wd=None, L2=values, other=[0.1] * 8)
    rest = "weight_decay" if name == "learning_rate" else "learning_rate"
    status, message = run(capsys, path, "--map", f"{name}=L2", f"{rest}=other")
    assert status == 2
    assert f"Every {name} must be a finite number" in message
    assert "'L2'" in message


def test_the_command_prints_what_it_read(tmp_path, capsys):
    rows = [
        {**row, "depth": d, "Name": f"{i}-{d}", "state": "crashed" if i == 7 else "ok"}
        for i, row in enumerate(GRID)
        for d in (2, 4)
    ]
    path = table(tmp_path, rows, train_loss=0.5)
    status, printed = run(capsys, path, "--set", "task=mine", "batch_size=8")
    assert status == 0
    for line in (
        "16 runs of runs.csv: 14 ok, 2 failed",
        "read     learning_rate from lr",
        "read     score from val_acc (larger is better)",
        "set      task to mine",
        "axis     depth: 2, 4",
        "ignored  Name (names the runs)",
        "ignored  train_loss (a metric)",
        "varies   optimizer 2, learning_rate 2, depth 2, seed 2",
        "missing  runs without a result (crashed)",
    ):
        assert line in printed
    assert load_runs(tmp_path / "imported")["depth"].tolist() == [2, 4] * 8
    status, printed = run(capsys, table(tmp_path, drop=["seed"]))
    assert "seeds    numbered in each cell" in printed


def test_options_may_be_repeated(tmp_path, capsys):
    path = table(tmp_path, a=[1, 2, 3, 4] * 2, b=[1, 1, 2, 3] * 2)
    assert run(capsys, path, "--axis", "a", "--axis", "b")[0] == 0
    status, message = run(capsys, path, "--map", "seed=a", "--map", "seed=b")
    assert (status, "--map has seed twice" in message) == (2, True)


CELLS = st.sampled_from(
    ["", "lion", "0.1", "1e-3", "0,1", "nan", "inf", "3", "True", "{}", '{"a": 1}']
)
COLUMNS = {
    "optimizer": st.sampled_from(["lion", "AdamW", ""]),
    "lr": st.sampled_from(["0.1", "1e-3", "0.001", "fast"]),
    "wd": st.sampled_from(["0", "0.1", ""]),
    "val_acc": st.sampled_from(["0.5", "0.25", "nan", "inf", "", "x"]),
    **dict.fromkeys(["seed", "depth", "state", "config", "loss", "values_0"], CELLS),
    **dict.fromkeys(["params_lion_lr", "learning rate", "Tags", ""], CELLS),
}
OPTIONS = st.sampled_from(
    [
        *("--map score=loss", "--map x=depth", "--map learning_rate=lr"),
        *("--axis depth", "--axis x", "--ignore seed", "--ignore lr"),
        *("--set weight_decay=0", "--set optimizer=lion", "--set seed=x"),
        *("--floor 0.1", "--direction min", "--diverged fail"),
    ]
)


@given(
    st.lists(st.sampled_from(list(COLUMNS)[4:]), max_size=4),
    st.sampled_from([",", ";", "\t"]),
    st.lists(OPTIONS, max_size=3),
    st.data(),
)
@settings(max_examples=150)
def test_no_file_and_no_option_ends_in_a_traceback(more, separator, options, data):
    header = [*list(COLUMNS)[:4], *more]
    rows = data.draw(st.lists(st.tuples(*(COLUMNS[name] for name in header))))
    words = [word for option in options for word in option.split()]
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "runs.csv", Path(folder) / "out"
        with path.open("w") as file:
            csv.writer(file, delimiter=separator).writerows([header, *rows])
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            status = cli.main(["import", str(path), "--output", str(output), *words])
        assert (status == 0) == output.exists() == ("imported" in printed.getvalue())


# --- what is said of states, ε and swapped names ---


def refused(tmp_path, capsys, source, *options):
    arguments = ["import", str(source), "--output", str(tmp_path / "out"), *options]
    assert cli.main(arguments) == cli.WRONG
    assert not (tmp_path / "out").exists()
    return capsys.readouterr().err


def test_a_state_of_no_run_is_refused_with_those_there_are(tmp_path, capsys):
    states = ["finished"] * 5 + ["crashed"] * 3
    source = table(tmp_path, state=states)
    said = refused(tmp_path, capsys, source, "--floor", "0.1", "--diverged", "crash")
    assert "--diverged names 'crash'" in said
    assert "are: crashed (3)." in said
    said = refused(tmp_path, capsys, source, "--diverged", "no result", "CRASHED")
    assert "names 'no result', which" in said
    frame = read_runs(source, floor=0.1, diverged_states=["CRASHED", "diverged"])
    assert (frame["status"] == "diverged").sum() == 3


@pytest.mark.parametrize("epsilon", ["-1", "0", "nan", "inf"])
def test_an_epsilon_that_is_not_positive_is_refused(tmp_path, capsys, epsilon):
    said = refused(tmp_path, capsys, table(tmp_path), f"--epsilon={epsilon}")
    assert "--epsilon must be a positive number, in the unit of the result." in said


def test_swapped_names_are_swapped_back(tmp_path, capsys):
    source = table(tmp_path, drop=["lr"], **{"config.rate": [1e-3] * 4 + [1e-2] * 4})
    said = refused(tmp_path, capsys, source, "--map", "config.rate=learning_rate")
    assert "Swap them: --map learning_rate=config.rate." in said


def test_an_unknown_column_may_be_the_result(tmp_path, capsys):
    top = [70 + 1.3 * k for k in range(8)]
    source = table(tmp_path, **{"Top-1 (%)": top})
    assert "or --map 'score=Top-1 (%)' if it is the result" in refused(
        tmp_path, capsys, source
    )
    said = refused(tmp_path, capsys, source, "--map", "score=val_acc")
    assert "if it is the result" not in said


def test_an_import_that_replaces_another_says_so_and_a_tiny_epsilon_warns(
    tmp_path, capsys
):
    rows = [
        {**row, "val_acc": 100 * row["val_acc"] * (1 + k)} for k, row in enumerate(GRID)
    ]
    arguments = [
        "import",
        str(table(tmp_path, rows)),
        "--output",
        str(tmp_path / "out"),
    ]
    assert cli.main(arguments) == 0
    said = capsys.readouterr().out
    assert "caution  0.05 is less than 1 % of that range" in said
    assert "replaced" not in said
    assert cli.main([*arguments, "--epsilon", "1"]) == 0
    said = capsys.readouterr().out
    assert "replaced the earlier import of runs.csv" in said
    assert "caution" not in said
