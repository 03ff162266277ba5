"""`keras-lion recipe`: a list without training, and a search for a script."""

import subprocess
import sys

import pytest

from keras_lion import cli

ADAMW = ["--learning-rate", "1e-3", "--weight-decay", "0.1"]
SCRIPT = """
import keras
import numpy as np

x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x[:, 0] > 0).astype("float32")
fit = {"epochs": 1, "verbose": 0}


def build_model(hp):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.AdamW(1e-2, weight_decay=0.1), "mse")
    return model
"""


def recipe(capsys, *arguments):
    assert cli.main(["recipe", *arguments]) == 0
    return capsys.readouterr().out


def test_lists_trials_with_reasons(capsys):
    text = recipe(capsys, *ADAMW, "--steps", "20000", "--batch-size", "256")
    numbered = [line for line in text.splitlines() if line[:3].strip().isdigit()]
    assert len(numbered) == 8
    assert "Lion(learning_rate=0.000229, weight_decay=1.05" in numbered[0]
    assert "AdamW(learning_rate=0.001, weight_decay=0.1" in numbered[1]
    assert [line.count("another seed") for line in numbered[-2:]] == [1, 1]
    assert "4.83: long enough for weight decay to act" in text
    assert "little gradient noise" not in text
    assert "little gradient noise" in recipe(capsys, *ADAMW, "--batch-size", "4096")


def test_lions_trials_alone(capsys):
    text = recipe(capsys, *ADAMW, "--lion-only", "--trials", "5")
    assert "AdamW(" not in text
    assert text.count("Lion(") + text.count(". Lion: ") == 5


def test_the_list_imports_no_keras():
    code = f"""
import sys
from keras_lion import cli
cli.main(["recipe", *{ADAMW!r}])
assert not {{"keras", "tensorflow", "jax", "keras_tuner"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_script_leads_to_a_recommendation(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT)
    text = recipe(capsys, "train.py", "--trials", "2")
    assert "Stay with AdamW" in text
    assert "optimizer = keras.optimizers.AdamW(learning_rate=0.01, " in text
    again = recipe(capsys, "train.py", "--trials", "2")  # trains nothing
    assert again.partition("Stay with")[2] == text.partition("Stay with")[2]


def test_trials_of_another_script_or_recipe_are_not_mixed(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    first = recipe(capsys, "train.py", "--trials", "1")
    script.write_text(f"# A remark.\n{SCRIPT}")
    again = recipe(capsys, "train.py", "--trials", "1")
    assert again.partition("Lion:")[2] == first.partition("Lion:")[2]
    assert cli.main(["recipe", "train.py", "--lr", "0.02"]) == 2
    error = capsys.readouterr().err
    assert "of another recipe: learning_rate 0.01 (now 0.02)" in error
    assert "--output" in error
    script.write_text(f"{SCRIPT}\nfit['epochs'] = 2\n")
    assert cli.main(["recipe", "train.py", "--trials", "2"]) == 2
    error = capsys.readouterr().err
    assert "train.py has changed since the trials in recipe-train" in error
    assert "Give another --output" in error


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("a = 1", "Missing: build_model and the training data."),
        ("x = y = 1", "Missing: build_model."),
        ("def build_model(hp): ...", "Missing: the training data"),
    ],
)
def test_an_incomplete_script_is_refused(script, said, tmp_path, capsys):
    file = tmp_path / "train.py"
    file.write_text(script)
    assert cli.main(["recipe", str(file)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "must define build_model(hp)" in error


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Give AdamW's --learning-rate and --weight-decay"),
        (["--lr", "1e-3"], "Give AdamW's --learning-rate and --weight-decay"),
        (["no-such-file.py"], "There is no file no-such-file.py"),
        ([*ADAMW, "--beta-1", "1.5"], "must be in the range [0, 1)"),
    ],
)
def test_wrong_arguments_are_refused(arguments, said, capsys):
    assert cli.main(["recipe", *arguments]) == 2
    assert said in capsys.readouterr().err
