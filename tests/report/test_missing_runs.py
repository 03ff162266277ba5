"""What a report says of declared runs that are not there."""

import pandas as pd
import pytest

from keras_lion.report.missing_runs import missing_runs_text
from keras_lion.tuning.study.extension import Extension

SPACE = {
    "axes": [
        {"name": "weight_decay", "values": [0.1, 1.0]},
        {"name": "learning_rate", "values": [1e-3, 1e-2, 1e-1]},
    ]
}
STUDY = {
    "plans": {
        "t": {"full": {"spaces": {"lion": [SPACE], "adamw": [SPACE]}, "seeds": 2}}
    }
}


def runs(count, failed=0):
    status = ["failed"] * failed + ["ok"] * (count - failed)
    return pd.DataFrame({"key": [f"k{k}" for k in range(count)], "status": status})


@pytest.mark.parametrize(
    ("found", "extensions", "said"),
    [
        (runs(24), [], ""),
        (runs(30), [], ""),  # of an earlier, larger grid
        (runs(20), [], "t: 4 of 24 declared runs are missing."),
        (runs(24, failed=1), [], "t: 1 of 24 declared runs are missing."),
        (
            runs(24),
            [Extension("learning_rate", up=2)],
            "t: 16 of 40 declared runs are missing.",
        ),
    ],
)
def test_declared_runs_that_are_missing_are_counted(found, extensions, said):
    text = missing_runs_text(STUDY, found, "t", "full", extensions)
    assert text.startswith(said)
    assert bool(text) == bool(said)


def test_a_study_without_a_plan_misses_nothing():
    assert missing_runs_text({"import": {}}, runs(1), "t", "full", []) == ""
