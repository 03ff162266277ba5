"""Write what the committed results say into the README, between its markers.

Command    python studies/readme.py
"""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "studies" / "results" / "learning_rate_weight_decay_full"
BEGIN = "<!-- results: written by `python studies/readme.py` -->\n"
END = "<!-- end of results -->"


def paragraph(results: Path = RESULTS) -> str:
    """The caption of the README's figure, from a study's `summary.json`."""
    summary = json.loads((results / "summary.json").read_text(encoding="utf-8"))
    entry = summary["tasks"]["mnist1d_mlp"]
    best = ", ".join(
        f"{row['optimizer']} {100 * row['score']:.1f} % at learning rate "
        f"{row['learning_rate']:.2g} and weight decay {row['weight_decay']:.2g}"
        for row in entry["optimizers"]
    )
    verdict = entry["verdicts"][0]
    seeds = entry["optimizers"][0]["score_n"]
    return (
        f"Validation accuracy on MNIST-1D, mean of {seeds} seeds; best: {best}. "
        f"{entry['answer']} Verdict on “{verdict['claim'].rstrip('.')}”: "
        f"{verdict['outcome']}.\n"
    )


def updated(readme: str, text: str) -> str:
    """The README with the text between its markers."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{text}\n{END}{after}"


if __name__ == "__main__":
    path = ROOT / "README.md"
    path.write_text(
        updated(path.read_text(encoding="utf-8"), paragraph()), encoding="utf-8"
    )
