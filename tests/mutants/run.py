"""Run the optimizer's tests against its mutants, and say which test killed each.

Command    python -m tests.mutants.run
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from keras_lion.optimizers.reference import lion_step
from tests.mutants.mutants import MUTANTS, Mutant
from tests.optimizers.wrong_lions import PATHS, WRONG_LIONS, follows

ROOT = Path(__file__).resolve().parents[2]


def killer(mutant: Mutant, folder: Path) -> str | None:
    """The first test that fails on the mutant, or None if it survives."""
    for name in ("keras_lion", "tests"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    file = folder / "keras_lion" / "optimizers" / mutant.file
    text = file.read_text(encoding="utf-8")
    if text.count(mutant.old) != 1:
        raise SystemExit(
            f"Mutant '{mutant.name}' is stale: its text stands "
            f"{text.count(mutant.old)} times in {mutant.file}, and must stand once."
        )
    file.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    for tests in ([f"test_{name}.py" for name in mutant.tests], ["."]):
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
            + [str(Path("tests", "optimizers", test)) for test in tests],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder), "KERAS_BACKEND": "jax"},
            capture_output=True,
            text=True,
        )
        failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - |$)", result.stdout, re.MULTILINE)
        if failed:
            return failed[1].rpartition("/")[2]
        if result.returncode not in (0, 1):
            raise SystemExit(result.stdout + result.stderr)
    return None


def main() -> int:
    """Print who killed whom; 1 if a mutant survives."""
    survivors = 0
    assert all(follows(lion_step, path) for path in PATHS.values())
    for name, wrong in WRONG_LIONS.items():
        killers = [path for path, each in PATHS.items() if not follows(wrong, each)]
        survivors += not killers
        print(f"wrong Lion  {name:48}", ", ".join(killers) or "SURVIVES", flush=True)
    for mutant in MUTANTS:
        with tempfile.TemporaryDirectory() as folder:
            test = killer(mutant, Path(folder))
        survivors += test is None
        print(f"mutant      {mutant.name:48}", test or "SURVIVES", flush=True)
    total = len(WRONG_LIONS) + len(MUTANTS)
    print(f"{total - survivors} of {total} killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    raise SystemExit(main())
