"""The command with random options, files and columns: no traceback, no silent error.

Each case is a command line drawn from the number of the case. Files are what people
have: tables of other tools, empty and broken ones, folders that were interrupted, paths
that cannot be written.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from keras_lion import cli

ROOT = Path(__file__).parents[1]
CASES = 200
pytestmark = [
    pytest.mark.usefixtures("heatmaps_only"),
    pytest.mark.filterwarnings("ignore"),  # they are warnings, and no errors
]
# An error says what to do in one of these ways.
REMEDY = re.compile(
    r"--\w|`|keras-lion [a-z]|\b(add|axes are|check|choose|correct|did you mean|"
    r"expected|export|give|has:|install|it has|knows|make|must|names?|needs|put|"
    r"received|rename|say|set|there is no|use|write)\b",
    re.IGNORECASE,
)

STUDY = """
from tests.tuning.tiny import tiny_plan, tiny_study

STUDY = tiny_study(
    tiny_plan((1e-2, 2e-2), (0.1,), epochs=1, optimizers=("lion",), seeds=1)
)
"""
STUDIES = {
    "good.py": STUDY,
    "other.py": STUDY.replace("seeds=1)\n", 'seeds=1),\n    name="other",\n'),
    "syntax.py": "STUDY = (\n",
    "raises.py": "STUDY = {}['no']\n",
    "exits.py": "import sys\nsys.exit(0)\nSTUDY = None\n",
    "none.py": '"""What?\n\nCommand    python none.py\n"""\n',
    "number.py": "STUDY = 3\n",
    "imports.py": "import a_package_that_nobody_has\nSTUDY = None\n",
    "plan.py": "from keras_lion.tuning.study import Plan\nSTUDY = Plan({}, 0, 1)\n",
    "latin.py": b"# \xe9\nSTUDY = None\n",
    "table.csv": "STUDY = 1\n",
}
WANDB = """Name,State,config.optimizer,config.lr,config.weight_decay,val_acc
a,finished,AdamW,0.001,0.1,0.87
b,finished,AdamW,0.01,0.1,0.91
c,finished,Lion,0.0001,1.0,0.90
d,crashed,Lion,0.001,1.0,
"""
TABLES = {
    "wandb.csv": WANDB,
    "loss.csv": WANDB.replace("val_acc", "val_loss"),
    "nan.csv": re.sub(r"0\.\d\d$", "NaN", WANDB, flags=re.MULTILINE),
    "words.csv": WANDB.replace("0.001", "small"),
    "infinite.csv": WANDB.replace("0.01", "inf").replace("0.87", "-inf"),
    "negative.csv": WANDB.replace("0.001", "-1"),
    "unknown.csv": "a,b,c\n1,2,3\n4,5,6\n",
    "twice.csv": "lr,lr,acc\n1,2,3\n",
    "long.csv": "lr,acc\n1,2,3,4\n",
    "quote.csv": 'lr,acc\n"1,2\n',
    "commas.csv": "lr;wd;optimizer;val_acc\n0,001;0,1;lion;0,9\n0,01;0,1;lion;0,8\n",
    "header.csv": "lr,wd,val_acc\n",
    "empty.csv": "",
    "blank.csv": "\n\n \n",
    "binary.csv": bytes(range(256)),
    "wide.csv": WANDB.encode("utf-16"),
    "huge.csv": "lr,optimizer,val_acc\n1e400,lion,1e999\n1e-400,lion,9999999999\n",
    "lines.jsonl": '{"lr": 0.1, "optimizer": "lion", "val_acc": 0.5}\n{"lr": [1]}\n',
    "half.jsonl": '{"lr": 0.1, "val_acc": 0.5}\n{"lr": 0.1, "val_',
    "number.json": "[1, 2]\n",
    "deep.json": '[{"config": {"lr": {"value": {"a": {}}}}, "val_acc": null}]',
    "null.csv": "lr,wd,val_acc\n\0,\0,\0\n",
    "not.csv.gz": b"no gzip",
    "cut.csv.gz": gzip.compress(WANDB.encode())[:-9],
    "good.csv.gz": gzip.compress(WANDB.encode()),
}
COLUMNS = ["config.lr", "val_acc", "Name", "State", "b", "lr", "no", "", "config.wd"]
NAMES = ["learning_rate", "score", "metric", "result", "lr", "width", "seed", "status"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with studies, tables, and what sweeps leave behind."""
    folder = tmp_path_factory.mktemp("fuzz")
    for name, content in {**STUDIES, **TABLES}.items():
        data = content if isinstance(content, bytes) else content.encode()
        (folder / name).write_bytes(data)
    done = folder / "done"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        status = cli.main(["run", "good.py", "--preset", "smoke", "--output", "done"])
    assert status == 0
    lines = (done / "runs-0.jsonl").read_text().splitlines()

    def variant(name, **files):
        shutil.copytree(done, folder / name)
        for file, content in files.items():
            path = folder / name / file.replace("_", ".").replace("0", "-0")
            path.unlink() if content is None else path.write_text(content)

    variant("interrupted", runs0_jsonl=lines[0] + "\n" + lines[1][:40])
    variant("no_study", study_json=None)
    variant("half_study", study_json='{"name": "tiny"')
    variant("list_study", study_json="[]")
    variant("empty_study", study_json="{}")
    variant("odd_study", study_json='{"a": 1}')
    variant("odd_environment", environment_json="{}")
    variant("half_environment", environment_json="{")
    variant("no_environment", environment_json=None)
    variant("empty_runs", runs0_jsonl="")
    variant("wrong_runs", runs0_jsonl='{"key": "a", "status": "ok"}\n[]\nno\n')
    variant("failed_runs", runs0_jsonl=lines[0].replace('"ok"', '"failed"') + "\n")
    (folder / "nothing").mkdir()
    project = folder / "project"
    project.mkdir()
    (project / "oracle.json").write_text("{}")
    return folder


FOLDERS = [
    *("done", "interrupted", "no_study", "half_study", "list_study", "empty_study"),
    *("odd_study", "odd_environment", "half_environment"),
    *("no_environment", "empty_runs", "wrong_runs", "failed_runs", "nothing"),
    *("project", "missing", "wandb.csv", "wandb.csv/inside", "", "/proc/no", "a\0b"),
]
NUMBERS = ["0", "1", "2", "-1", "0.1", "1e-3", "nan", "inf", "1e400", "many", "", "²"]


def random_command(draw: random.Random) -> list[str]:
    """A command line that may be right or wrong in several places."""

    def maybe(chance: float, *words: str) -> list[str]:
        return list(words) if draw.random() < chance else []

    def one(*words: str) -> str:
        return draw.choice(words)

    def run() -> list[str]:
        preset = one("smoke", "smoke", "smoke", "standard", "quick")
        extend = (
            f"{one('learning_rate', 'width', '')}={one('up:1', 'down', 'up:0', 'x')}"
        )
        return [
            *("run", one(*["good.py"] * 8, *STUDIES, "missing.py", "", "done")),
            *maybe(0.9, "--preset", preset),
            *maybe(0.9, "--output", one("fresh", *FOLDERS)),
            *maybe(0.2, "--task", one("blobs", "digits", "")),
            *maybe(0.2, "--extend", extend),
            *maybe(0.2, "--only", one("", "key")),
            *maybe(0.1, "--executor", one("loop", "scan")),
            *maybe(0.1, "--population", one(*NUMBERS)),
            *maybe(0.1, "--workers", one("0", "-1", "many", "1")),
            *maybe(0.1, "--backend", one("jaxx", "torch", "numpy")),
            *maybe(0.3, "--dry-run"),
        ]

    def report() -> list[str]:
        return ["report", one(*FOLDERS), *maybe(0.2, "--tensorboard")]

    def imports() -> list[str]:
        columns = [f"{one(*NAMES)}={one(*COLUMNS)}" for _ in range(draw.randint(1, 2))]
        constants = f"{one('optimizer', 'task', *NAMES)}={one('lion', 'x', *NUMBERS)}"
        return [
            *("import", one("wandb.csv", *TABLES, *FOLDERS)),
            *maybe(0.95, "--output", one("new", "new", "new", *FOLDERS)),
            *maybe(0.4, "--map", *columns),
            *maybe(0.4, "--set", constants),
            *maybe(0.2, "--axis", one("width", *COLUMNS)),
            *maybe(0.2, "--ignore", one(*COLUMNS)),
            *maybe(0.4, "--direction", one("max", "min", "up")),
            *maybe(0.5, "--floor", one("0.1", "10", *NUMBERS)),
            *maybe(0.2, "--epsilon", one("0.02", *NUMBERS)),
            *maybe(0.2, "--diverged", one("crashed", "no result", "x")),
        ]

    def convert() -> list[str]:
        return [
            *("convert", *maybe(0.9, one("--lr", "--learning-rate"), one(*NUMBERS))),
            *maybe(0.5, one("--wd", "--weight-decay"), one(*NUMBERS)),
            *maybe(0.3, "--beta-2", one("0.95", *NUMBERS)),
            *maybe(0.3, "--ratio", one("3", *NUMBERS)),
            *maybe(0.3, "--steps", one("100", *NUMBERS)),
            *maybe(0.3, "--mode", one("paper", "matched", "Matched")),
        ]

    def lists() -> list[str]:
        return ["list", one(*STUDIES, *TABLES, *FOLDERS, ".")]

    def calibrate() -> list[str]:
        # Right ones take a minute: a wrong number of draws ends these at once.
        folder = maybe(0.6, one(*FOLDERS))
        return ["calibrate", *folder, "--draws", one("0", "-1", "many", "")]

    def discover() -> list[str]:
        command = one("run", "show", "simplify", "promote", "rn")
        if command == "run":
            return [
                *("discover", "run", *maybe(0.9, "--output", one(*FOLDERS))),
                *("--children", one("0", "-1", "many")),
                *maybe(0.5, "--start", one("lion", "no", *FOLDERS)),
            ]
        return ["discover", command, one("no", "wandb.csv", *FOLDERS)]

    kinds = [run, run, report, imports, imports, imports, convert, lists, calibrate]
    words = draw.choice([*kinds, discover])()
    if draw.random() < 0.1:  # a slip of the hand
        where = draw.randrange(len(words))
        slips = ["--verbos", words[where][:-1], f"{words[where]}x", "--", "--help me"]
        words[where] = draw.choice(slips)
    if draw.random() < 0.05:
        words.append(one("more", "--map", "--no-such-option=1"))
    return words


@pytest.fixture
def workplace(place, tmp_path, monkeypatch):
    """The folder of files, for one case: nothing that it writes is seen by another."""
    for path in place.iterdir():
        copy = shutil.copytree if path.is_dir() else shutil.copy
        copy(path, tmp_path / path.name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(words, status, out, errors):
    """What every command line promises, whatever it says."""
    assert "Traceback" not in out + errors, words
    said = [line for line in errors.splitlines() if not line.startswith("warning: ")]
    if status == 0:
        assert said == [], words
        return
    assert status == 2, words
    assert len(said) == 1, words
    assert re.match(r"keras-lion: \S", said[0]), words
    assert "This is a fault of keras-lion" not in said[0], words
    assert "Errno" not in said[0], words
    assert REMEDY.search(said[0]), words


@pytest.mark.parametrize("number", range(CASES))
def test_a_random_command(number, workplace, capsys):
    words = random_command(random.Random(f"case {number}"))
    try:
        status = cli.main(words)
    except SystemExit as end:
        status = end.code or 0
    check(words, status, *capsys.readouterr())


def test_the_cases_are_of_every_kind():
    commands = [random_command(random.Random(f"case {n}")) for n in range(CASES)]
    first = {words[0] for words in commands}
    assert first >= {
        *("run", "report", "import", "convert", "list", "calibrate", "discover")
    }


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["list", "good.py"], 0),
        (["list", "raises.py"], 2),
        (["run", "none.py"], 2),
        (["convert", "--lr", "1e-3"], 0),
        (["convert", "--lr", "nan"], 2),
        (["import", "wandb.csv", "--output", "new", "--map", "result=val_acc"], 2),
        (["report", "half_study"], 2),
    ],
)
def test_a_process(words, status, workplace):
    done = subprocess.run(
        [sys.executable, "-m", "keras_lion.cli", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    check(words, done.returncode, done.stdout, done.stderr)


def test_a_reader_that_leaves_early(workplace):
    """`keras-lion list | head -1`."""
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m keras_lion.cli list . 2>errors | head -1"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.startswith("tasks:")
    errors = (workplace / "errors").read_text()
    assert "pipe" not in errors.lower()
    assert "Exception" not in errors


def test_good_commands_are_among_them(workplace, capsys):
    new = ["--output", "new", "--floor", "0.1"]
    for name in ("wandb.csv", "good.csv.gz", "wide.csv"):
        assert cli.main(["import", name, *new]) == 0
        assert cli.main(["report", "new"]) == 0
    assert json.loads((workplace / "new" / "study.json").read_text())["name"] == "wide"
    capsys.readouterr()
