"""Runs Keras's own optimizer tests against ours.

    python -m tests.keras_suite.run

The tests come with the installed Keras, and are adapted in their imports alone. Those
of two replicas run on TensorFlow only. A test that fails is in `EXPECTED` with the
reason, and a test that is there must fail: both are errors otherwise.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
# The last one changes the devices of its process.
FILES = {
    "lion": "optimizers/lion_test.py",
    "optimizer": "optimizers/optimizer_test.py",
    "optimizer_sparse": "optimizers/optimizer_sparse_test.py",
    "loss_scale_optimizer": "optimizers/loss_scale_optimizer_test.py",
    "optimizer_distribute": "backend/tensorflow/optimizer_distribute_test.py",
}
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
        "asks for updates of single rows; ours makes them dense without "
        "`lazy_embeddings`"
    ),
    r"OptimizerDistributeTest\.test_gradient_accumulation": (
        "gives both replicas the same tensor object, which TensorFlow then returns as "
        "the sum over replicas. Keras adds up the replicas after accumulation, where "
        "each has a tensor of its own, and ours before it, as `test_ema` of the same "
        "file expects. Gradients of a model are never one object"
    ),
}


def source() -> Path:
    """The folder of Keras's modules and of their tests, without importing Keras."""
    found = importlib.util.find_spec("keras")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "src"


def adapted(text: str) -> str:
    """A test file with our optimizers in place of Keras's."""
    for theirs, ours in IMPORTS.items():
        text = text.replace(theirs, ours)
    return text


def main() -> int:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, path in FILES.items():
            text = (source() / path).read_text("utf-8")
            (folder / f"test_{name}.py").write_text(adapted(text), "utf-8")
        report = folder / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        command += ["-W", "ignore", "--tb=line", f"--junitxml={report}"]
        command += ["-c", os.devnull, f"--rootdir={folder}"]
        command += [str(folder / f"test_{name}.py") for name in FILES]
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
    skipped = [
        name for name, case in results.items() if case.find("skipped") is not None
    ]
    idle = [
        pattern
        for pattern in EXPECTED
        if not any(re.fullmatch(pattern, name) for name in [*failed, *skipped])
    ]
    for pattern in idle:
        print(f"expected to fail, and did not: {pattern}")
    print(
        f"{len(results) - len(failed)} of {len(results)} of Keras's tests pass or skip"
    )
    return int(bool(idle or None in reasons.values()))


if __name__ == "__main__":
    sys.exit(main())
