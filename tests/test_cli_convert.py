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
    start = "Lion(learning_rate=0.000229416, weight_decay=1.05364, "
    assert line == start + "beta_1=0.9, beta_2=0.99)"
    assert "\n".join(why) == convert_adamw(1e-3, 0.1).explanation
    assert "acts over about 4,137 steps" in "\n".join(why)
    assert convert(capsys, "--lr", "1e-3", "--wd", "0.1") == [line, *why]


@pytest.mark.parametrize(
    ("steps", "decay", "short"),
    [("1000", "0.1", True), ("6e3", "0.1", False), ("1000", "0", False)],
)
def test_says_whether_weight_decay_matters(steps, decay, short, capsys):
    arguments = ["--lr", "1e-3", "--wd", decay, "--steps", steps, "--mode", "paper"]
    why = convert(capsys, *arguments)[1:]
    text = " ".join(" ".join(why).split())
    assert ("is 0.1, so that decay takes away 9.5% of a weight" in text) == short
    assert ("The training is short for weight decay" in text) == short
    assert ("is 0.6: long enough for weight decay to act" in text) == (steps == "6e3")
    assert "acts over about" not in text


def test_prints_the_memory_of_both(capsys):
    def memory(*arguments):
        return [
            " ".join(line.split())
            for line in convert(capsys, *arguments)
            if line.startswith("  memory")
        ]

    said = "steps, 1 / (learning_rate * weight_decay)"
    assert memory(*ADAMW, "--ratio", "10") == [f"memory 10,000 -> 10,000 {said}"]
    found = convert_adamw(1e-3, 0.1, mode="matched")
    after = 1 / (found.learning_rate * found.weight_decay)
    assert memory(*ADAMW, "--mode", "matched") == [
        f"memory 10,000 -> {after:,.0f} {said}"
    ]
    assert memory("--lr", "1e-3", "--wd", "0") == []
    assert memory("--lr", "0.5", "--wd", "4") == []


@pytest.mark.parametrize(
    ("ratio", "unusual"), [("2.9", True), ("3", False), ("10", False), ("40", True)]
)
def test_says_that_a_ratio_is_unusual(ratio, unusual, capsys):
    text = "\n".join(convert(capsys, *ADAMW, "--ratio", ratio))
    assert (f"A ratio of {ratio} is unusual: the authors advise 3 to 10" in text) == (
        unusual
    )


def test_every_option_reaches_the_rule(capsys):
    line, *_ = convert(capsys, *ADAMW, "--beta-2", "0.95", "--ratio", "4")
    assert (
        line
        == "Lion(learning_rate=0.00025, weight_decay=0.4, beta_1=0.95, beta_2=0.98)"
    )
    line, *why = convert(capsys, *ADAMW, "--mode", "matched", "--beta-1", "0.8")
    expected = convert_adamw(1e-3, 0.1, 0.8, mode="matched")
    assert line == expected.code()
    assert "\n".join(why).startswith(expected.explanation)


def test_default_decay_is_that_of_keras(capsys):
    line, *why = convert(capsys, "--learning-rate", "1e-3", "--ratio", "10")
    assert "weight_decay=0.04," in line
    assert "0.004 is assumed: Keras's default" in "\n".join(why)
    assert "assumed" not in "\n".join(convert(capsys, "--lr", "1e-3", "--wd", "0.004"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--ratio", "0"], "`ratio` must be 1 or more"),
        (["--lr", "-1e-3"], "argument --learning-rate/--lr: must be a positive number"),
        (["--lr", "0"], "must be a positive number, received '0'"),
        (["--lr", "nan"], "must be a positive number, received 'nan'"),
        (["--wd", "-.1"], "`weight_decay` of AdamW must be finite and not negative"),
        (["--ratio", "3", "--mode", "matched"], "belongs to mode 'paper'"),
        (
            ["--steps", "0"],
            "--steps: must be a whole number of 1 or more, received '0'",
        ),
        (["--steps", "1.5"], "must be a whole number of 1 or more, received '1.5'"),
        (["--steps", "inf"], "must be a whole number of 1 or more, received 'inf'"),
        (["--steps", "nan"], "must be a whole number of 1 or more, received 'nan'"),
        (["--ratio", "many"], "argument --ratio: must be a number, received 'many'"),
        (["--rato", "3"], "unknown option --rato. Did you mean --ratio?"),
        (["--lambda", "0.1"], "unknown option --lambda. Use --weight-decay."),
        (["--betas=0.9,0.99"], "--betas. Use --beta-1 and --beta-2. (see"),
        (["--learning_rate", "3"], "Did you mean --learning-rate? (see keras-lion "),
        (["--beta-2", "1"], "AdamW's betas must be in the range"),
        (["--weight-decay", "nan"], "`weight_decay` of AdamW must be finite"),
    ],
)
def test_errors_are_one_line(arguments, message, capsys):
    try:
        status = cli.main(["convert", *ADAMW, *arguments])
    except SystemExit as end:
        status = end.code
    assert status == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert message in output.err
    assert output.err.count("\n") == 1


def test_values_need_the_names_of_options(capsys):
    with pytest.raises(SystemExit):
        cli.main(["convert", "1e-3", "0.1"])
    error = capsys.readouterr().err
    assert "required: --learning-rate/--lr. Received '1e-3' without the name" in error
    with pytest.raises(SystemExit):
        cli.main(["convert", "--wd", "0.1"])
    assert "Received" not in capsys.readouterr().err


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
