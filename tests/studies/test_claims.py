"""What the small measurements keep."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from keras_lion.statistics import Interval

FOLDER = Path(__file__).parents[2] / "studies"


@pytest.fixture
def claims(monkeypatch):
    from studies import claims

    return claims


def test_entries_are_rounded_and_hold_their_interval(claims):
    assert claims.entry(Interval(0.123456, 0.0999999, 12345.6, 6), "nats") == {
        "value": 0.1235,
        "low": 0.1,
        "high": 12350.0,
        "n": 6,
        "unit": "nats",
    }
    counted = claims.exact(123456, "bytes", digits=12)
    assert counted["low"] == counted["high"] == counted["value"] == 123456


def test_a_paired_ratio_is_a_geometric_mean_of_the_seeds(claims):
    second = np.array([1.0, 10.0, 1000.0])
    found = claims.paired_ratio(second * [1, 4, 2], second)
    assert found.estimate == pytest.approx(2)
    assert found.n == 3
    inverse = claims.paired_ratio(second, second * [1, 4, 2])
    assert inverse.low == pytest.approx(1 / found.high)
    # Unpaired, seeds that differ a thousandfold would hide any ratio.
    constant = claims.paired_ratio(3 * second, second)
    assert (constant.low, constant.high) == pytest.approx((3, 3))


def test_what_is_kept_is_sorted(claims, tmp_path, capsys):
    path = tmp_path / "new" / "kept.json"
    found = {"b": claims.exact(2, "steps"), "a": claims.exact(1, "steps")}
    claims.keep(path, found, cells={"z": 1, "y": 2})
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert list(kept) == ["cells", "claims"]
    assert list(kept["claims"]) == ["a", "b"]
    assert list(kept["claims"]["a"]) == sorted(kept["claims"]["a"])
    claims.show(found)
    assert "n=1" in capsys.readouterr().out
