"""Make the numbers and figures of README, ledger, datasheet and docs from the table.

Command    python studies/evidence/make.py           (`make evidence`)
           python studies/evidence/make.py --check   (`make evidence-check`)

Duration   1 to 2 minutes on 2 cores

`--check` makes all of it in a copy and fails if a file differs from what is committed.
"""

from __future__ import annotations

import argparse
import atexit
import filecmp
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# A list of fonts that another program left behind may lack Matplotlib's own.
os.environ["MPLCONFIGDIR"] = tempfile.mkdtemp(prefix="fonts-")

from studies.evidence import datasheet, figures, ledger, readme
from studies.evidence.runs import RESULTS, STUDIES

ROOT = STUDIES.parent
atexit.register(shutil.rmtree, os.environ["MPLCONFIGDIR"], ignore_errors=True)


def make(root: Path) -> None:
    """Write all that is made from the results, below `root`."""
    results = root / "studies" / "results"
    for what, write in (
        ("summaries and figures, about a minute", lambda: figures.write(results)),
        ("the ledger", lambda: ledger.write(root / "studies", results)),
        ("the datasheet", lambda: datasheet.write(results)),
        ("README and docs", lambda: readme.write(root, results)),
    ):
        print(f"making {what} …", file=sys.stderr, flush=True)
        write()


def made(root: Path) -> Iterator[Path]:
    """The files that `make` writes, relative to the root."""
    results = root / "studies" / "results"
    yield from (root / page for page in readme.PAGES)
    yield root / "studies" / "README.md"
    yield from (results / "ledger.json", results / "DATASHEET.md")
    yield results / "transfer_from_adamw" / "conversion.json"
    yield results / "transformers" / "spread.csv"
    yield results / "three_laws" / "shares.csv"
    for study in (*figures.KEPT, "three_laws"):
        for pattern in ("summary.json", "summary.csv", "figures/*.png"):
            yield from sorted((results / study).glob(pattern))


def check() -> list[str]:
    """What differs between the committed files and those made anew."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        shutil.copytree(RESULTS, copy / "studies" / "results")
        for path in made(copy):
            path.unlink(missing_ok=True)
        for page in readme.PAGES:
            (copy / page).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / page, copy / page)
        make(copy)
        names = {path.relative_to(root) for root in (ROOT, copy) for path in made(root)}
        return [
            str(name)
            for name in sorted(names)
            if not (copy / name).exists()
            or not (ROOT / name).exists()
            or not filecmp.cmp(copy / name, ROOT / name, shallow=False)
        ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args().check:
        make(ROOT)
        sys.exit()
    different = check()
    if different:
        sys.exit(
            "These files are not what the committed results give; run `make evidence` "
            f"and look at what changes: {', '.join(different)}"
        )
    print("Every number and figure is what the committed results give.")
