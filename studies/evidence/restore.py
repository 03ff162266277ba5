"""Write the runs of a study from the public table into a folder, to resume there.

Command    python studies/evidence/restore.py STUDY FOLDER
           keras-lion run studies/STUDY.py --preset full --output FOLDER
           python studies/evidence/collect.py FOLDER

`keras-lion run` then trains only what the table does not hold yet.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from keras_lion.tuning.runs.files import strict_json
from studies.evidence.runs import all_runs


def restore(study: str, folder: Path) -> int:
    """Write run records into a new folder.

    Args:
        study: Name of the study.
        folder: A folder without run records; made if need be.

    Returns:
        Number of runs.

    Raises:
        FileExistsError: If the folder holds run records.
        ValueError: If the table has no runs of the study.
    """
    frame = all_runs()
    frame = frame[frame["study"] == study]
    if frame.empty:
        known = ", ".join(sorted(all_runs()["study"].unique()))
        raise ValueError(f"The table has no runs of '{study}'. It has: {known}.")
    if any(folder.glob("runs-*.jsonl")):
        raise FileExistsError(
            f"{folder} holds run records already: `keras-lion run` goes on with them. "
            "Give a new folder to restore into."
        )
    folder.mkdir(parents=True, exist_ok=True)
    # Own columns of other studies are empty here, and no part of these records.
    frame = frame.astype(object).where(frame.notna(), None)
    shown = frame.dropna(axis=1, how="all").to_dict("records")
    lines = [json.dumps(strict_json(run), allow_nan=False) + "\n" for run in shown]
    (folder / "runs-table.jsonl").write_text("".join(lines), encoding="utf-8")
    return len(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    count = restore(arguments.study, arguments.folder)
    print(f"{count} runs of {arguments.study} are in {arguments.folder}")
