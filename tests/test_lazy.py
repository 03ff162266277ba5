"""What is loaded when, and one clear line where something is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OPTIONAL = (
    "pandas",
    "matplotlib",
    "seaborn",
    "scipy",
    "sklearn",
    "keras_tuner",
    "tensorflow_datasets",
    "rich",
)
BLOCK = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""


def python(code, *, backend="jax", without=()):
    """Run code in a new process in which some packages are not installed."""
    block = BLOCK.format(names=set(without)) if without else ""
    return subprocess.run(
        [sys.executable, "-c", block + code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
        timeout=60,
    )


def out(code, **arguments):
    done = python(code, **arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def last_line(code, **arguments):
    """The last line of the error of code that must fail."""
    done = python(code, **arguments)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr.strip().splitlines()[-1]


def command(*arguments, **keywords):
    """`keras-lion ...` in a new process."""
    code = f"from keras_lion.cli import main; sys.exit(main({list(arguments)!r}))"
    return python("import sys\n" + code, **keywords)


def test_lion_loads_nothing_that_studies_need():
    added = out(
        "import sys, keras\n"
        "before = set(sys.modules)\n"
        "import keras_lion\n"
        "from keras_lion import Lion\n"
        "Lion(1e-3)\n"
        "print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    )
    assert "keras_lion" in added.split()
    assert not set(added.split()) & set(OPTIONAL)


@pytest.mark.parametrize(
    "code",
    [
        "import keras_lion",
        "import keras_lion; dir(keras_lion)",
        "from keras_lion import statistics; statistics.t_interval",
        "from keras_lion import robustness; robustness.Landscape",
        "from keras_lion.robustness import Landscape, mean_regret, tolerance_width",
        "from keras_lion.tuning import Axis, SearchSpace, load_runs",
        "from keras_lion import report; report.write_report",
        "from keras_lion.discovery import Program, Simplifier, step_function, zoo",
    ],
)
def test_what_computes_nothing_loads_no_backend(code):
    loaded = out(f"import sys\n{code}\nprint(*sys.modules)").split()
    assert not {"keras", "keras_tuner", "tensorflow", "jax", "torch"} & set(loaded)


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"]])
def test_help_loads_no_keras(arguments):
    loaded = out(
        "import sys\n"
        "from keras_lion.cli import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit as end:\n"
        "    assert end.code == 0\n"
        "print('\\n' + ' '.join(sys.modules))"
    )
    assert loaded.startswith("usage: keras-lion")
    names = {name.partition(".")[0] for name in loaded.splitlines()[-1].split()}
    assert not names & {"keras", "numpy", *OPTIONAL}


def test_the_command_chooses_the_backend_before_keras_is_imported(tmp_path):
    study = tmp_path / "which.py"
    study.write_text(
        "import keras\nraise ValueError(keras.backend.backend())\nSTUDY = 1\n"
    )
    done = command("run", str(study), "--backend", "jax", backend="tensorflow")
    assert done.returncode == 2
    assert "line 2 cannot be read as a study: ValueError: jax." in done.stderr


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("from keras_lion.tuning import run_study", "keras_tuner"),
        ("from keras_lion.tuning import load_runs", "pandas"),
        ("from keras_lion.robustness import Landscape", "pandas"),
        ("from keras_lion import statistics", "scipy"),
        ("from keras_lion.report import write_report", "matplotlib"),
    ],
)
def test_a_missing_extra_is_named(code, missing):
    line = last_line(code, without=[missing])
    assert line.startswith("ImportError: keras_lion.")
    assert f"needs the package '{missing}', which is not installed" in line
    assert line.endswith("pip install 'keras-lion[studies]'.")


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["run", "studies/learning_rate_weight_decay.py"], "keras_tuner"),
        (["run", "studies/learning_rate_weight_decay.py"], "rich"),
        (["report", "nowhere"], "rich"),
        (["report", "nowhere"], "jinja2"),
    ],
)
def test_the_command_says_what_to_install_in_one_line(arguments, missing):
    done = command(*arguments, without=[missing])
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("keras-lion: ")
    assert f"'{missing}'" in line
    assert "pip install 'keras-lion[studies]'" in line


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_without_a_backend_the_line_says_which_to_install(backend):
    for code in ("from keras_lion import Lion", "import keras_lion; keras_lion.Lion"):
        line = last_line(code, backend=backend, without=["tensorflow", "jax", "torch"])
        assert line.startswith("ImportError: keras_lion.Lion needs Keras, and Keras ")
        assert "found no backend" in line
        assert "pip install 'keras-lion[jax]'" in line
    done = command(
        "run",
        "studies/learning_rate_weight_decay.py",
        backend=backend,
        without=["tensorflow", "jax", "torch"],
    )
    assert done.returncode == 2
    (line,) = done.stderr.strip().splitlines()
    assert "found no backend" in line


def test_other_errors_of_imports_are_left_alone():
    line = last_line("from keras_lion import statistics", without=["dataclasses"])
    assert line.startswith("ModuleNotFoundError: No module named 'dataclasses'")
