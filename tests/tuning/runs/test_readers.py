"""Other people's runs: CSV files as tools write them, and KerasTuner projects."""

from __future__ import annotations

import itertools
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from keras_lion.report import write_report
from keras_lion.report.tensorboard_export import write_tensorboard
from keras_lion.robustness import Landscape, mean_regret, tolerance_width
from keras_lion.tuning import load_runs
from keras_lion.tuning.runs.names import TARGETS, plain_name
from keras_lion.tuning.runs.readers import UnfinishedRunsWarning, import_runs, read_runs
from keras_lion.tuning.runs.records import load_study
from keras_lion.tuning.runs.wording import COMMAND, UnclearSourceError
from keras_lion.tuning.study.columns import COLUMNS

ROOT = Path(__file__).parents[3]
RATES, DECAYS, SEEDS = (1e-4, 1e-3, 1e-2), (0.01, 0.1, 1.0), (0, 1, 2)


def accuracy(optimizer, rate, decay, seed):
    """A made-up result: a hill around (1e-3, 0.1), wider for Lion."""
    slope = 0.02 if optimizer == "lion" else 0.05
    distance = abs(math.log10(rate / 1e-3)) + abs(math.log10(decay / 0.1))
    return round(0.9 - slope * distance + 0.001 * seed, 6)


def grid():
    return itertools.product(("lion", "adamw"), RATES, DECAYS, SEEDS)


def wandb_csv(path, states=("finished",)):
    """As the table of runs in the W&B app is exported: quoted, configuration as is."""
    lines = [
        '"Name","State","Notes","User","Tags","Created","Runtime","Sweep",'
        '"config.batch_size","config.lr","config.optimizer","config.seed",'
        '"config.weight_decay","val_acc","val_loss"'
    ]
    for number, (optimizer, rate, decay, seed) in enumerate(grid()):
        score = accuracy(optimizer, rate, decay, seed)
        name = {"lion": "Lion", "adamw": "AdamW"}[optimizer]
        state = states[number % len(states)]
        lines.append(
            f'"crisp-sun-{number}","{state}","-","someone","",'
            f'"2026-05-04T10:00:{number:02d}.000Z","61","","128","{rate:g}","{name}",'
            f'"{seed}","{decay:g}","{score}","{1 - score:.6f}"'
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


def optuna_csv(path, failed=0):
    """As `study.trials_dataframe().to_csv(path)` writes it: losses, no seeds."""
    rows = []
    for number, (optimizer, rate, decay, seed) in enumerate(grid()):
        bad, score = number < failed, accuracy(optimizer, rate, decay, seed)
        rows.append(
            {
                "number": number,
                "value": math.nan if bad else round(1 - score, 6),
                "datetime_start": "2026-05-04 10:00:00.000001",
                "datetime_complete": "2026-05-04 10:01:01.500001",
                "duration": "0 days 00:01:01.500000",
                "params_learning_rate": rate,
                "params_optimizer": optimizer,
                "params_weight_decay": decay,
                "user_attrs_epochs": 30,
                "state": "FAIL" if bad else "COMPLETE",
            }
        )
    pd.DataFrame(rows).to_csv(path)
    return path


def landscape_of(frame, optimizer, **keywords):
    return Landscape.from_runs(frame, optimizer=optimizer, **keywords)


def expected(optimizer):
    return np.array(
        [
            [[accuracy(optimizer, rate, decay, s) for s in SEEDS] for rate in RATES]
            for decay in DECAYS
        ]
    )


def table(tmp_path, **columns):
    path = tmp_path / "runs.csv"
    columns = {"optimizer": "lion", "lr": 0.1, "wd": 0.2, "val_acc": 0.5, **columns}
    rows = max(len(v) for v in columns.values() if isinstance(v, list))
    pd.DataFrame(columns, index=range(rows)).to_csv(path, index=False)
    return path


def test_wandb(tmp_path):
    frame = read_runs(wandb_csv(tmp_path / "wandb.csv"))
    assert list(frame)[: len(COLUMNS)] == list(COLUMNS)
    assert len(frame) == 54
    for optimizer in ("lion", "adamw"):
        found = landscape_of(frame, optimizer)
        assert found.scores == pytest.approx(expected(optimizer))
        assert found.learning_rate.tolist() == list(RATES)
        assert found.weight_decay.tolist() == list(DECAYS)
    row = frame.iloc[0]
    assert (row["status"], row["metric"], row["seed"]) == ("ok", "accuracy", 0)
    assert (row["batch_size"], row["seconds"]) == (128, 61)
    assert row["final_loss"] == pytest.approx(1 - row["score"])
    assert frame["reason"].isna().all()
    assert frame["key"].nunique() == 54


def test_optuna(tmp_path):
    frame = read_runs(optuna_csv(tmp_path / "trials.csv"), direction="min")
    for optimizer in ("lion", "adamw"):
        found = landscape_of(frame, optimizer)
        assert found.scores == pytest.approx(expected(optimizer) - 1)
    # No column of seeds: runs of one configuration are numbered in their order.
    assert sorted(frame["seed"].unique()) == [0, 1, 2]
    assert (frame["seconds"] == 61.5).all()
    assert (frame["epochs"] == 30).all()
    assert (frame["metric"] == "value").all()  # a loss or an error rate: unknown


def test_hparams_table(tmp_path):
    """TensorBoard writes names of one's own, and nothing of state or seed."""
    path = tmp_path / "hparams.csv"
    path.write_text(
        "lr,optimizer,weight decay,Accuracy\n0.001,adam,0.1,0.9\n0.01,adam,0.1,\n"
    )
    named = {"score": "Accuracy"}
    with pytest.warns(UnfinishedRunsWarning, match=r"1 of 2 .* \(no result\)"):
        frame = read_runs(path, columns=named)
    assert frame["status"].tolist() == ["ok", "failed"]
    assert frame["weight_decay"].tolist() == [0.1, 0.1]
    again = read_runs(path, columns=named, diverged_states=["no result"], floor=0.1)
    assert again["status"].tolist() == ["ok", "diverged"]
    assert again["score"].tolist() == [0.9, 0.1]


def trial(number, values, metrics, score, status="COMPLETED"):
    return {
        "trial_id": f"{number:04d}",
        "hyperparameters": {"space": [], "values": values},
        "metrics": {
            "metrics": {
                name: {
                    "direction": "min" if "loss" in name else "max",
                    "observations": [
                        {"value": [value], "step": step}
                        for step, value in enumerate(steps)
                    ],
                }
                for name, steps in metrics.items()
            }
        },
        "score": score,
        "best_step": 1,
        "status": status,
        "message": None,
    }


def project(folder, trials):
    folder.mkdir()
    (folder / "oracle.json").write_text("{}")
    for each in trials:
        place = folder / f"trial_{each['trial_id']}"
        place.mkdir()
        (place / "trial.json").write_text(json.dumps(each))
    return folder


def test_keras_tuner_project(tmp_path):
    hyper = {"learning_rate": 1e-3, "weight_decay": 0.1, "optimizer": "lion"}
    good, bad = {"val_loss": [2, 1], "val_acc": [0, 0.6]}, {"val_loss": [2, math.nan]}
    folder = project(
        tmp_path / "project",
        [
            trial(0, {**hyper, "units": 8}, good, 1),
            trial(1, {**hyper, "units": 16}, bad, math.nan, "FAILED"),
            trial(2, {**hyper, "units": 32}, {}, None, "FAILED"),
            trial(3, {**hyper, "units": 64}, {"val_loss": [2, 1.5]}, 1.5),
        ],
    )
    with pytest.warns(UnfinishedRunsWarning, match=r"1 of 4 .* \(failed\)"):
        frame = read_runs(folder, columns={"seed": None}, floor=math.log(10))
    assert frame["status"].tolist() == ["ok", "diverged", "failed", "ok"]
    assert frame["score"].tolist()[:2] == [-1, -math.log(10)]
    assert frame["final_loss"].iloc[3] == 1.5
    assert frame["initial_loss"].iloc[0] == math.log(10)
    assert frame["units"].tolist() == [8, 16, 32, 64]
    assert (frame["metric"] == "loss").all()


def test_executions_are_no_seeds(tmp_path):
    """Older versions list the results of executions, newer ones only their mean."""
    values = {"learning_rate": 1e-3, "weight_decay": 0.1, "optimizer": "lion"}
    one = trial(0, values, {"val_acc": [0.2, 0.5]}, 0.5)
    observation = one["metrics"]["metrics"]["val_acc"]["observations"][1]
    observation["value"] = [0.4, 0.5, 0.6]
    frame = read_runs(project(tmp_path / "old", [one]))
    assert (len(frame), frame["score"].tolist()) == (1, [0.5])
    assert "executions_per_trial (3)" in frame.attrs["import"]["notes"][0]


def test_damaged_projects_are_named(tmp_path):
    folder = project(tmp_path / "cut", [trial(0, {}, {}, None)])
    for text, words in (("{", "trial_0000 to read the other"), ('{"a": 1}', "has no")):
        (folder / "trial_0000" / "trial.json").write_text(text)
        with pytest.raises(ValueError, match=words):
            read_runs(folder)


def test_what_this_package_wrote_is_not_imported(tmp_path):
    folder = tmp_path / "study"
    import_runs(wandb_csv(tmp_path / "wandb.csv"), folder)
    with pytest.raises(ValueError, match="folder of a study already.*load_runs"):
        read_runs(folder)
    frame = load_runs(folder).reindex(columns=list(COLUMNS))
    frame.to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(ValueError, match="table of runs of this package.*load_table"):
        read_runs(tmp_path / "table.csv")
    # What it wrote for TensorBoard is read as anybody's.
    again = read_runs(write_tensorboard(folder))
    assert sorted(again["score"]) == pytest.approx(sorted(frame["score"]))
    assert (again["status"] == "ok").all()
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "events.out.tfevents.1").write_bytes(b"")
    with pytest.raises(ValueError, match="no hyperparameters in them"):
        read_runs(tmp_path / "events")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("lr;val_acc\n0,1;0.5\n", r"a comma \(0,1\) and with a point \(0.5\)"),
        ("lr,lr,val_acc\n1,2,3\n", "two columns are called 'lr'"),
        ("lr,val_acc\n1,2\n1,2,3\n", "row 3 has 3 cells and the header 2"),
        ('{"lr": 1}\n{"lr":', "no CSV file that can be read"),
        ("[1, 2]", "must be a JSON object"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, text, words):
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_runs(tmp_path / "bad.csv")


def test_other_encodings(tmp_path):
    text = "sep=;\noptimizer;lr;wd;val_acc\nlion;0,001;0;,5\nlion;1e-2;0;0,6\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        (tmp_path / "runs.csv").write_text(text, encoding=encoding)
        frame = read_runs(tmp_path / "runs.csv")
        assert frame["learning_rate"].tolist() == [0.001, 0.01]
        assert frame["score"].tolist() == [0.5, 0.6]


def test_results_that_are_not_finite_diverged(tmp_path):
    results = ["0.5", "NaN", "-inf", ".1"]
    path = table(tmp_path, lr=[0.1, 0.2, 0.3, 0.4], val_acc=results)
    with pytest.raises(ValueError, match=r"2 of 4 runs diverged.*`floor`.*'val_acc'"):
        read_runs(path)
    frame = read_runs(path, floor=0.1)
    assert frame["status"].tolist() == ["ok", *["diverged"] * 3]
    assert frame["score"].tolist() == [0.5, 0.1, 0.1, 0.1]
    assert frame["floor"].tolist() == [0.1] * 4
    assert landscape_of(frame, "lion").num_diverged.tolist() == [[0, 1, 1, 1]]


def test_losses_at_the_start_diverged(tmp_path):
    path = table(tmp_path, lr=[0.1, 0.2, 0.3], val_acc="", val_loss=[1.0, 2.5, "inf"])
    frame = read_runs(path, columns={"score": None}, floor=2.0)
    assert frame["status"].tolist() == ["ok", "diverged", "diverged"]
    assert frame["final_loss"].tolist() == [1, 2, 2]
    found = landscape_of(frame, "lion", value="final_loss")
    assert found.scores[0, :, 0].tolist() == [-1, -2, -2]


def test_states(tmp_path):
    states = ["finished", "crashed", "running", "Killed", "FINISHED"]
    path = table(tmp_path, lr=[0.1, 0.2, 0.3, 0.4, 0.5], state=states)
    with pytest.warns(UnfinishedRunsWarning, match=r"3 of 5 .*crashed, killed, runn"):
        frame = read_runs(path)
    assert frame["status"].tolist() == ["ok", *["failed"] * 3, "ok"]
    assert frame["score"].isna().tolist() == [False, True, True, True, False]
    # They are missing, not a score.
    assert landscape_of(frame, "lion").learning_rate.tolist() == [
        0.1,
        0.2,
        0.3,
        0.4,
        0.5,
    ]
    assert landscape_of(frame, "lion").num_seeds.tolist() == [[1, 0, 0, 0, 1]]


def test_optunas_failures_may_be_divergence(tmp_path):
    path = optuna_csv(tmp_path / "trials.csv", failed=2)
    with pytest.warns(UnfinishedRunsWarning, match=r"2 of 54 .* \(fail\)"):
        assert (read_runs(path, direction="min")["status"] == "failed").sum() == 2
    frame = read_runs(path, direction="min", diverged_states=["FAIL"], floor=1.0)
    assert (frame["status"] == "diverged").sum() == 2
    assert frame["reason"].dropna().tolist() == ["fail", "fail"]
    assert landscape_of(frame, "lion").scores[0, 0].tolist() == pytest.approx(
        [-1, -1, expected("lion")[0, 0, 2] - 1]
    )


def test_seeds_given_and_numbered(tmp_path):
    path = table(tmp_path, lr=[0.1, 0.1, 0.2], seed=[5, 7, 5])
    assert read_runs(path)["seed"].tolist() == [5, 7, 5]
    assert read_runs(path, columns={"seed": None})["seed"].tolist() == [0, 1, 0]
    twice = table(tmp_path, lr=[0.1, 0.1, 0.2], seed=[5, 5, 5])
    with pytest.raises(
        ValueError, match="2 runs share configuration and seed, such as"
    ):
        read_runs(twice)
    # What differs between them is a hyperparameter of one's own, of text even.
    own = table(tmp_path, lr=[0.1, 0.1, 0.2], seed=[5, 5, 5], model=["a", "b", "a"])
    frame = read_runs(own, columns={"width": "model"}, axes=["width"])
    assert frame["width"].tolist() == ["a", "b", "a"]
    for seeds in ([1, 2, ""], [1, 2, 0.5]):
        with pytest.raises(ValueError, match="whole number as its seed") as caught:
            read_runs(table(tmp_path, lr=[0.1, 0.2, 0.3], seed=seeds))
        assert "1 of 3 runs have none (row 3 of column 'seed')" in str(caught.value)
        assert "in place of" not in str(caught.value)


def test_the_remedy_for_missing_seeds_works(tmp_path):
    """It says what else to leave out, so that no second error sends back."""
    path = table(tmp_path, lr=[0.1, 0.1, 0.2], random_state=[5, "", 5])
    mapped = {"seed": "random_state"}
    with pytest.raises(UnclearSourceError) as caught:
        read_runs(path, columns=mapped)
    assert caught.value.text(COMMAND) == (
        "Every run needs a whole number as its seed. 1 of 3 runs have none (row 2 of "
        "column 'random_state'): fill these cells in, or --ignore random_state in "
        "place of --map seed=random_state numbers the runs of a cell instead, and "
        "pairs nothing between optimizers."
    )
    assert read_runs(path, ignore=["random_state"])["seed"].tolist() == [0, 1, 0]
    with pytest.raises(UnclearSourceError) as caught:
        read_runs(path, columns=mapped, ignore=["random_state"])
    assert caught.value.text(COMMAND) == (
        "Column 'random_state' cannot be both read and ignored. Leave out --map "
        "seed=random_state to ignore it, or --ignore random_state to read it."
    )
    with pytest.raises(ValueError, match=r"Leave out axes=\['random_state'\] to ig"):
        read_runs(path, axes=["random_state"], ignore=["random_state"])


def test_one_optimizer_and_empty_cells(tmp_path):
    path = table(tmp_path, optimizer=["", "SGD"], lr=[0.1, 0.2])
    with pytest.raises(ValueError, match=r"needs optimizer\..*columns: optimizer, lr"):
        read_runs(path)
    frame = read_runs(path, constants={"optimizer": "Lion", "task": "cifar10"})
    assert frame["optimizer"].tolist() == ["lion", "sgd"]
    assert frame["task"].tolist() == ["cifar10", "cifar10"]
    without = table(tmp_path, wd=["", 0.1], lr=[0.1, 0.2])
    frame = read_runs(without, constants={"weight_decay": 0})
    assert frame["weight_decay"].tolist() == [0, 0.1]


def test_what_cannot_be_read_is_said(tmp_path):
    good = {"lr": [0.1, 0.2]}
    two = {**good, "learning_rate": [1, 2]}
    for columns, options, words in [
        ({"lr": [0.1, "fast"]}, {}, "column 'lr' must be numbers. Received: 'fast'"),
        (two, {}, "Several columns could be learning_rate: lr, learning_rate"),
        (good, {"columns": {"score": "val_ac"}}, "no column 'val_ac'.*mean 'val_acc'"),
        (good, {"columns": {"score": None}}, "No column is known to hold the result"),
        ({**good, "x": 1}, {"columns": {"score": "x"}}, "Is a larger 'x' better"),
        (good, {"direction": "up"}, "`direction` must be 'max', 'min' or None"),
        (good, {"floor": math.nan}, "`floor` must be finite"),
        (good, {"floor": 0.9}, "No run would count as trained: 'val_acc' is 0.5 to 0"),
        ({**good, "state": "crashed"}, {}, "No run has a result.*are crashed"),
        (good, {"constants": {"seed": "x"}}, "`constants`: seed must be a number"),
        (good, {"axes": ["depht"], "columns": {}}, "`axes`: there is no column"),
        (good, {"ignore": ["wd"], "columns": {"weight_decay": "wd"}}, "be both read"),
        ({**good, "a.lr": 1, "a lr": 1}, {"axes": ["a_lr"]}, "which may be any of"),
    ]:
        with pytest.raises(ValueError, match=words):
            read_runs(table(tmp_path, **columns), **options)
    with pytest.raises(FileNotFoundError, match="There is no .*nowhere"):
        read_runs(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match="no KerasTuner project"):
        read_runs(tmp_path)
    for text, words in (("", "no CSV"), ("lr,wd\n", "no runs"), ('"a', "no CSV")):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(ValueError, match=words):
            read_runs(tmp_path / "bad.csv")


def test_columns_that_agree_are_one(tmp_path):
    path = table(tmp_path, lr=[0.1, 0.2], learning_rate=[0.1, 0.2])
    assert read_runs(path)["learning_rate"].tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    ("column", "target"),
    [
        ("config.lr", "learning_rate"),
        ("config/optimizer.lr", "learning_rate"),
        ("params_learning_rate", "learning_rate"),
        ("Learning Rate", "learning_rate"),
        ("user_attrs_seed", "seed"),
        ("summary.val_accuracy", "score"),
        ("valid/loss", "final_loss"),
        ("tuner/epochs", "epochs"),
        ("State", "status"),
        ("accuracy", None),  # of training, perhaps
        ("train_loss", None),
        ("l2", None),  # not decoupled
    ],
)
def test_recognised_names(column, target):
    assert TARGETS.get(plain_name(column)) == target


def test_import_is_a_study(tmp_path):
    source, folder = wandb_csv(tmp_path / "wandb.csv"), tmp_path / "imported"
    for _ in range(2):  # the second import replaces the first
        path = import_runs(source, folder, epsilon=0.01, statement="Lion is wider.")
    assert path == folder / "runs-import.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 54
    assert '"batch_size": 128, "seed": 0,' in lines[0]  # whole numbers stay whole
    frame = load_runs(folder)
    direct = read_runs(source)
    assert len(frame) == len(direct)
    lion = landscape_of(frame, "lion")
    assert lion.scores == pytest.approx(landscape_of(direct, "lion").scores)
    declaration = load_study(folder)
    assert declaration["name"] == "wandb"
    assert declaration["comparison"]["epsilon"] == {"import": 0.01}
    assert declaration["comparison"]["value"] == "score"
    assert declaration["import"]["columns"]["learning_rate"] == "config.lr"
    assert declaration["import"]["seeds"] == "given"
    assert "config.seed" not in json.dumps(frame.iloc[0].to_dict(), default=str)
    page = write_report(folder).read_text(encoding="utf-8")
    assert "Lion is wider." in page


def test_import_of_losses_reads_losses(tmp_path):
    path = table(tmp_path, lr=[0.1, 0.2], val_acc="", val_loss=[1.0, 1.5])
    left_out = {"score": None}
    import_runs(path, tmp_path / "a", columns=left_out, floor=2.3)
    assert load_study(tmp_path / "a")["comparison"]["value"] == "final_loss"
    import_runs(path, tmp_path / "b", columns=left_out)  # no floor: nothing to clip at
    assert load_study(tmp_path / "b")["comparison"]["value"] == "score"


def test_import_touches_no_study(tmp_path):
    (tmp_path / "runs-0.jsonl").write_text("")
    with pytest.raises(ValueError, match=r"holds the runs of a study \(runs-0.jsonl\)"):
        import_runs(wandb_csv(tmp_path / "wandb.csv"), tmp_path)


BARE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"jax", "jaxlib", "tensorflow", "torch", "keras",
                                      "keras_tuner", "matplotlib", "sklearn"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from keras_lion.robustness import (
    Landscape, common_best, mean_regret, tolerance_width
)
from keras_lion.robustness.width_verdict import tolerance_verdict
from keras_lion.tuning.runs.readers import read_runs

for path, options in ((sys.argv[1], {}), (sys.argv[2], {"direction": "min"})):
    runs = read_runs(path, **options)
    both = [Landscape.from_runs(runs, optimizer=name) for name in ("lion", "adamw")]
    best = common_best(both)
    for landscape in both:
        width, regret = tolerance_width(landscape, 0.03, best), mean_regret(landscape)
        print(f"{width}, {regret:.6f}")
    print(tolerance_verdict(*both, 0.03, names=("lion", "adamw")).outcome)
"""


def test_measures_and_verdict_need_no_backend(tmp_path):
    files = [wandb_csv(tmp_path / "wandb.csv"), optuna_csv(tmp_path / "trials.csv")]
    done = subprocess.run(
        [sys.executable, "-c", BARE, *map(str, files)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == lines[3:]  # the same runs, of two tools
    frame = read_runs(files[0])
    lion, best = landscape_of(frame, "lion"), 0.901
    width = tolerance_width(lion, 0.03, best)
    assert lines[0] == f"{width}, {mean_regret(lion):.6f}"
    assert lines[2] == "supported"
