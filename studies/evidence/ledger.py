"""The ledger of claims as data: results/ledger.json, from the results."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from studies.evidence import page
from studies.evidence.catalog import repeat
from studies.evidence.claims import CLAIMS
from studies.evidence.measured import Claim
from studies.evidence.row import DECIDED, NO, YES, Row, Verdict


def entries() -> list[dict[str, Any]]:
    """Every claim with its verdict and its rows, as JSON values."""
    return [_entry(claim, claim.measure()) for claim in CLAIMS]


def _entry(claim: Claim, rows: Sequence[Row]) -> dict[str, Any]:
    decisive = deciding(rows, every=claim.every)
    return {
        "claim": claim.name,
        "text": claim.text,
        "group": claim.group,
        "quantity": claim.quantity,
        "source": claim.source,
        "study": claim.study,
        "figure": claim.figure,
        "outcome": decisive.verdict,
        "row": list(rows).index(decisive),
        "against": against(rows, decisive),
        "note": claim.note(),
        "repeat": _commands(claim, rows),
        "measurements": [_record(each) for each in rows],
    }


def deciding(rows: Sequence[Row], *, every: bool = False) -> Row:
    """The row whose verdict and number stand for the claim.

    The primary one; where it decides nothing, the first that does. A claim that all of
    its rows hold rests on the first that does not.

    Args:
        rows: The rows of a claim.
        every: Whether the claim is that all of them hold.
    """
    primary = [each for each in rows if each.basis.primary]
    decided = [each for each in rows if each.verdict in DECIDED]
    if every:
        failing = [each for each in decided if each.verdict in NO]
        open_rows = [each for each in rows if each.verdict == "undecided"]
        decided = failing or open_rows or decided
        return decided[0] if decided else rows[0]
    first = [each for each in primary if each.verdict in DECIDED]
    return (first or decided or primary or list(rows))[0]


def against(rows: Sequence[Row], decisive: Row) -> list[str]:
    """Where the opposite was found."""
    if decisive.verdict not in DECIDED:
        return []
    opposite: tuple[Verdict, ...] = NO if decisive.verdict in YES else YES
    return [each.where for each in rows if each.verdict in opposite]


def _commands(claim: Claim, rows: Sequence[Row]) -> list[str]:
    """What to type to make the rows again."""
    places = {each.where.partition(",")[0] for each in rows}
    files = [claim.study] if claim.study else []
    return [
        command for file in (*files, *claim.others) for command in repeat(file, places)
    ]


def _record(each: Row) -> dict[str, Any]:
    number = None
    if each.interval is not None:
        number = {
            name: _rounded(getattr(each.interval, name))
            for name in ("estimate", "low", "high")
        } | {"n": each.interval.n}
    edges, baseline = each.basis.edges, each.basis.baseline
    return {
        "where": each.where,
        "text": each.text,
        "outcome": each.verdict,
        "primary": each.basis.primary,
        "number": number,
        "unit": each.unit,
        "windows": None if each.windows is None else _rounded(each.windows),
        "edges": None if edges is None else list(edges),
        "baseline": None if baseline is None else str(baseline),
        "coverage": each.coverage,
        "reasons": list(each.reasons),
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.5g}") if math.isfinite(value) else None


def write(studies: Path, results: Path) -> None:
    """Write results/ledger.json and studies/README.md."""
    found = entries()
    text = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)
    (results / "ledger.json").write_text(text + "\n", encoding="utf-8")
    (studies / "README.md").write_text(page.page(found, results), encoding="utf-8")
