"""Add the runs of study folders to the public table.

Command    python studies/evidence/collect.py FOLDER [FOLDER ...]

Runs that are in the table already stay as they are. What a folder says of its machine,
executors and threads goes to results/<study>/environment-<backend>.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from keras_lion.tuning import load_runs
from keras_lion.tuning.runs.files import write_json
from keras_lion.tuning.runs.records import load_environment, load_study
from keras_lion.tuning.runs.table import load_table, merge_runs, save_table
from studies.evidence.runs import RESULTS, TABLE


def collect(folders: Sequence[Path], table: Path = TABLE) -> int:
    """Merge the folders' runs into the table.

    Args:
        folders: Folders that `keras-lion run` wrote.
        table: The table; a new one if there is none.

    Returns:
        Number of runs that are new.
    """
    known = [load_table(table)] if table.exists() else []
    found = [load_runs(folder) for folder in folders]
    for folder, frame in zip(folders, found, strict=True):
        for study in frame["study"].unique():
            place = table.parent / str(study)
            place.mkdir(exist_ok=True)
            keep_environment(folder, place)
    merged = merge_runs([*known, *found])
    save_table(merged, table)
    return len(merged) - sum(map(len, known))


def keep_environment(folder: Path, place: Path) -> None:
    """Add what a folder says of its machine to what is known of the study's runs."""
    new = load_environment(folder) | {"execution": load_study(folder)["execution"]}
    path = place / f"environment-{new['backend']}.json"
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        for name in ("data", "execution"):
            new[name] = known[name] | new[name]
        merged = ("data", "execution", "earlier")
        before = {name: value for name, value in known.items() if name not in merged}
        now = {name: value for name, value in new.items() if name not in merged}
        others = [*known.get("earlier", []), before, *new.get("earlier", [])]
        new["earlier"] = []
        for other in others:
            if other != now and other not in new["earlier"]:
                new["earlier"].append(other)
    write_json(path, new)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    try:
        new = collect(parser.parse_args().folders)
    except FileNotFoundError as error:
        parser.error(str(error))
    print(f"{new} new runs; {TABLE.relative_to(RESULTS.parent)} holds them")
