"""`keras-lion convert`: numbers, a line to copy, and no Keras."""

import subprocess
import sys

import pytest

from keras_lion import cli
from keras_lion.optimizers import convert_adamw

ADAMW = ["--learning-rate", "1e-3", "--weight-decay", "0.1"]


def convert(capsys, *arguments):
    assert cli.main(["convert", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_prints_a_line_to_copy_and_why(capsys):
    line, *why = convert(capsys, *ADAMW)
    assert (
        line == "Lion(learning_rate=0.0001, weight_decay=1.0, beta_1=0.9, beta_2=0.99)"
    )
    assert "\n".join(why) == convert_adamw(1e-3, 0.1).explanation


def test_every_option_reaches_the_rule(capsys):
    line, *_ = convert(capsys, *ADAMW, "--beta-2", "0.95", "--ratio", "4")
    assert (
        line
        == "Lion(learning_rate=0.00025, weight_decay=0.4, beta_1=0.95, beta_2=0.98)"
    )
    line, *why = convert(capsys, *ADAMW, "--mode", "matched", "--beta-1", "0.8")
    expected = convert_adamw(1e-3, 0.1, 0.8, mode="matched")
    assert line == expected.code()
    assert "\n".join(why) == expected.explanation


def test_default_decay_is_that_of_keras(capsys):
    line, *_ = convert(capsys, "--learning-rate", "1e-3")
    assert "weight_decay=0.04," in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ratio", "0"], "`ratio` must be positive"),
        (["--ratio", "3", "--mode", "matched"], "belongs to mode 'paper'"),
        (["--beta-2", "1"], "AdamW's betas must be in the range"),
        (["--weight-decay", "nan"], "`weight_decay` of AdamW must be finite"),
    ],
)
def test_errors_are_one_line(arguments, message, capsys):
    assert cli.main(["convert", *ADAMW, *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert message in output.err
    assert output.err.count("\n") == 1


def test_needs_no_keras():
    code = (
        "import sys; from keras_lion.cli import main\n"
        f"assert main(['convert', *{ADAMW}, '--mode', 'matched']) == 0\n"
        "print([name for name in ('keras', 'scipy', 'rich') if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.splitlines()[-1] == "[]"
