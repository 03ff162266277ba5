"""Runs Keras's own optimizer tests against ours.

    python -m tests.keras_suite.run

The tests come from the source distribution of the installed Keras, and are adapted in
their imports alone. A test that fails is in `EXPECTED` with the reason, and a test that
is there must fail: both are errors otherwise.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
FILES = ["lion", "optimizer", "optimizer_sparse", "loss_scale_optimizer"]
IMPORTS = {
    "from keras.src import optimizers\n": "from tests.keras_suite import optimizers\n",
    "from keras.src.optimizers.lion import": "from tests.keras_suite.optimizers import",
    "from keras.src.optimizers.sgd import": "from tests.keras_suite.optimizers import",
}
EXPECTED = {
    r"LionTest\.test_invalid_beta_1": "ours allows 0, which is defined, and says so",
    r"OptimizerTest\.test_setting_lr_to_callable_untracks_lr_var": (
        "counts variables; ours has one more, the weight decay"
    ),
    r"OptimizerSparseTest\.test_sparse_(correctness|gradients)_adam_amsgrad": (
        "asks for an option of Adam, for which Lion stands in"
    ),
    r"OptimizerSparseTest\.test_sparse_gradients_(sgd|loss_scale_optimizer_sgd)": (
        "asks for updates of single rows; ours makes sparse gradients dense"
    ),
}


def source(folder: Path) -> Path:
    """The optimizer tests of the installed Keras."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--no-binary", ":all:", "--dest", str(folder)),
            f"keras=={version('keras')}",
        ],
        check=True,
    )
    (archive,) = folder.glob("keras-*.tar.gz")
    with tarfile.open(archive) as files:
        files.extractall(folder, filter="data")
    (found,) = folder.glob("keras-*/keras/src/optimizers")
    return found


def adapted(text: str) -> str:
    """A test file with our optimizers in place of Keras's."""
    for theirs, ours in IMPORTS.items():
        text = text.replace(theirs, ours)
    return text


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tests = source(folder)
        for file in FILES:
            text = (tests / f"{file}_test.py").read_text("utf-8")
            (folder / f"test_{file}.py").write_text(adapted(text), "utf-8")
        report = folder / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["-W", "ignore", "--tb=line", f"--junitxml={report}"]
        command += ["-c", os.devnull, f"--rootdir={folder}"]
        command += [str(folder / f"test_{file}.py") for file in FILES]
        subprocess.run(command, cwd=ROOT, check=False)
        results = {
            f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name')}": case
            for case in ElementTree.parse(report).iter("testcase")
        }
    return judge(results)


def judge(results: dict[str, ElementTree.Element]) -> int:
    """Print each failure with its reason; 1 if any failed or passed unexpectedly."""
    failed = {
        name: (case.find("failure"), case.find("error"))
        for name, case in results.items()
        if case.find("failure") is not None or case.find("error") is not None
    }
    reasons = {
        name: next((why for p, why in EXPECTED.items() if re.fullmatch(p, name)), None)
        for name in failed
    }
    for name, reason in reasons.items():
        print(f"failed: {name}: {reason or 'NOT EXPECTED'}")
    idle = [p for p in EXPECTED if not any(re.fullmatch(p, name) for name in failed)]
    for pattern in idle:
        print(f"expected to fail, and did not: {pattern}")
    print(
        f"{len(results) - len(failed)} of {len(results)} of Keras's tests pass or skip"
    )
    return int(bool(idle or None in reasons.values()))


if __name__ == "__main__":
    sys.exit(main())
