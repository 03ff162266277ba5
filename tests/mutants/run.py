"""Run the tests against Lions that are wrong in one way each: `make mutants`.

Each mutant is a copy of the package with one line changed. It is killed by the first
test that fails; every mutant must be. Exit status 1 if one survives, if the text that
a mutant replaces is no longer there, or if a killing test fails without a mutant too.

    python -m tests.mutants.run [part of a mutant's file or name]
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.mutants import MUTANTS, Mutant
from tests.optimizers.wrong_lions import PATHS, WRONG_LIONS, follows

ROOT = Path(__file__).parents[2]
COPIED = ("keras_lion", "tests", "docs", "studies", "pyproject.toml")
PACKAGE = Path("keras_lion/optimizers")
TESTS = Path("tests/optimizers")
ENVIRONMENT = {
    **os.environ,
    "PYTHONDONTWRITEBYTECODE": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
TIMEOUT = 900  # seconds, for a machine that does more
WIDTH = max(len(mutant.file + mutant.name) for mutant in MUTANTS)


def main(part: str = "") -> int:
    started = time.monotonic()
    escaped = print_wrong_lions()
    chosen = [mutant for mutant in MUTANTS if part in f"{mutant.file}: {mutant.name}"]
    found = [mutant for mutant in chosen if fits(mutant)]
    killers: dict[Mutant, str] = {}
    print(f"\n{'mutant':<{WIDTH}}  killed by")
    with ThreadPoolExecutor(max_workers=2) as pool:
        for mutant, test in zip(found, pool.map(kill, found), strict=True):
            killers[mutant] = test
            name = f"{Path(mutant.file).stem}: {mutant.name}"
            print_row(name, test.removeprefix(f"{TESTS}/"))
    stale = [mutant for mutant in chosen if mutant not in found]
    for mutant in stale:
        print(f"STALE: {mutant.file} has not the text of '{mutant.name}' once")
    survivors = [mutant for mutant in found if not killers[mutant]]
    # A mutant that cannot be imported, and a test that fails anyway, show nothing.
    tests = {(mutant.backend, test) for mutant, test in killers.items() if test}
    broken = [test for _, test in tests if "::" not in test] or [
        failure
        for backend in sorted({backend for backend, _ in tests})
        for failure in failures(
            sorted(test for where, test in tests if where == backend), None, backend
        )
    ]
    if broken:
        print(f"\nNot killed by a test, or it fails without a mutant too: {broken}")
    print(
        f"\n{len(found) - len(survivors)} of {len(found)} mutants killed, "
        f"{len(stale)} stale; {len(WRONG_LIONS) - escaped} of {len(WRONG_LIONS)} wrong "
        f"Lions found out; {time.monotonic() - started:.0f} s"
    )
    return int(bool(survivors or stale or broken or escaped))


def fits(mutant: Mutant) -> bool:
    """True if the text that a mutant replaces is in its file, once."""
    text = (ROOT / PACKAGE / mutant.file).read_text(encoding="utf-8")
    return text.count(mutant.original) == 1


def kill(mutant: Mutant) -> str:
    """The first test that fails on a mutant, or an empty string."""
    likely = [str(TESTS / f"test_{topic}.py") for topic in mutant.first]
    for tests in (likely, [str(TESTS)]):
        found = failures(tests, mutant, mutant.backend)
        if found:
            return found[0]
    return ""


def failures(tests: list[str], mutant: Mutant | None, backend: str) -> list[str]:
    """The tests that fail on a copy of the package; with a mutant, the first one."""
    if not tests:
        return []
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy(Path(folder))
        if mutant is not None:
            file = Path(folder, PACKAGE, mutant.file)
            text = file.read_text(encoding="utf-8")
            file.write_text(
                text.replace(mutant.original, mutant.mutated), encoding="utf-8"
            )
        options = ["-q", "--tb=no", "-rfE", "-p", "no:cacheprovider"]
        try:
            run = subprocess.run(
                [
                    *(sys.executable, "-m", "pytest", *options),
                    *(["-x"] if mutant is not None else []),
                    *tests,
                ],
                cwd=folder,
                env={**ENVIRONMENT, "KERAS_BACKEND": backend, "PYTHONPATH": folder},
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [f"no end after {TIMEOUT} s"]
    found = re.findall(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", run.stdout, re.MULTILINE)
    if run.returncode and not found:
        return [f"pytest ended with {run.returncode}: {run.stderr[-300:]}"]
    return found


def copy(folder: Path) -> None:
    """Copy what the optimizer tests need, so that the working tree stays as it is."""
    ignored = shutil.ignore_patterns("__pycache__")
    for source in (ROOT / name for name in COPIED):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, ignore=ignored)
        else:
            shutil.copy(source, folder)


def print_wrong_lions() -> int:
    """Print which path finds out each wrong Lion; return how many escape."""
    print(f"{'wrong Lion':<{WIDTH}}  killed by the path")
    escaped = 0
    for name, wrong in WRONG_LIONS.items():
        paths = [at for at, path in PATHS.items() if not follows(wrong, path)]
        print_row(name.replace("_", " "), ", ".join(paths))
        escaped += not paths
    return escaped


def print_row(name: str, killer: str) -> None:
    print(f"{name:<{WIDTH}}  {killer or 'SURVIVES'}", flush=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
