"""The calibration study writes what it prints."""

import json
from pathlib import Path

import pandas as pd

from studies.calibration import main


def test_a_short_calibration(tmp_path: Path, capsys):
    main(["--draws", "1", "--output", str(tmp_path / "new")])
    printed = capsys.readouterr().out
    for title in ("Coverage of intervals", "Error rates", "Power"):
        assert title in printed
    summary = json.loads((tmp_path / "new" / "calibration.json").read_text())
    assert summary["draws"] == 1
    rates = pd.read_csv(tmp_path / "new" / "error_rates.csv")
    assert {"control", "event", "rate", "low", "high", "n", "limit"} <= set(rates)
    covered = pd.read_csv(tmp_path / "new" / "coverage.csv")
    assert set(covered["n"]) == {2, 3, 6, 10, 20}
    assert set(pd.read_csv(tmp_path / "new" / "power.csv")["seeds"]) == {3, 6, 10, 20}
