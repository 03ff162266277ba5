"""Claims about the program search, from the tables of `studies/discovery.py`."""

from __future__ import annotations

from keras_lion.statistics import Interval
from studies.evidence.measured import judged, written
from studies.evidence.other_claims import entries, interval
from studies.evidence.row import NOT_TUNED, Outcome, Row
from studies.evidence.runs import coverage

# A share that is known less well than this says nothing of a claimed one.
WIDEST = 0.2
SHARES = "a Wilson interval of a share, not calibrated here"


def savings() -> list[Row]:
    """Hit rate and redundancy at the end, against the paper's shares."""
    found = entries("discovery", "search.json")
    measured = []
    for name, where, claimed in (
        ("hit_rate", "share of the last 1,000 children that the cache answers", 0.891),
        ("redundancy_per_step", "share of dead statements, as the paper counts", 0.698),
        ("redundancy", "share of dead statements, across steps", 0.698),
    ):
        share = interval(found[f"at_the_end.{name}"])
        before = interval(found[f"at_a_fifth.{name}"])
        measured.append(
            Row(
                where=where,
                text=f"{written(share)} after 100,000 children, {written(before)} "
                f"after 20,000; in the paper {claimed}",
                shows=_agrees(share, claimed),
                interval=share,
                unit="",
                coverage=coverage("cell mean", share.n),
                windows=None,
                basis=NOT_TUNED,
                counted=True,
            )
        )
    return measured


def _agrees(share: Interval, claimed: float) -> Outcome:
    if share.high - share.low > WIDEST:
        return "underpowered"
    inside = share.low <= claimed <= share.high
    return "supported" if inside else "not supported"


def beats_baselines() -> list[Row]:
    """The search's best program next to what 4 times the evaluations give others."""
    found = entries("discovery", "baselines.json")
    measured = []
    for baseline, name, prefix, when in (
        ("constants", "AdamW with its constants tuned", "", "14,000"),
        ("random", "random programs", "", "14,000"),
        ("constants", "AdamW with its constants tuned", "first.", "3,000"),
        ("random", "random programs", "first.", "3,000"),
    ):
        lead = interval(found[f"{prefix}lead_over_{baseline}"])
        best = written(interval(found[f"{prefix}best.evolution"]), digits=3)
        other = written(interval(found[f"{prefix}best.{baseline}"]), digits=3)
        outcome, reasons = judged(lead, 0.0)
        measured.append(
            Row(
                where=f"{when} evaluations, against {name}",
                text=f"best fitness {best} against {other}; search − other "
                f"{written(lead, digits=3)} of the initial loss",
                shows=outcome,
                interval=lead,
                unit="of the initial loss",
                coverage=coverage("cell mean", lead.n),
                windows=None,
                basis=NOT_TUNED,
                notes=reasons,
            )
        )
    return measured


def finds_signs() -> list[Row]:
    """How often a search ends with an update like a sign."""
    found = entries("discovery", "rediscovery.json")
    return [
        _most(where, "best programs that update like a sign", interval(found[name]))
        for where, name in (
            (
                "both proxies of the searches, 100,000 children (tuned Lion − AdamW: "
                f"{_leads('heavy_tailed_logistic')} and {_leads('embedding_bags')})",
                "both.sign_like",
            ),
            (
                "the one of them on which Lion's lead is clear, 40,000 children",
                "embedding_bags.sign_like",
            ),
        )
    ]


def finds_planted() -> list[Row]:
    """How often the search finds a sign update that is the optimum of its fitness."""
    found = entries("discovery", "planted.json")
    return [
        _most(
            f"{name} planted, 20,000 children",
            "searches that find it",
            interval(found[f"{target}.search.found"]),
        )
        for target, name in (("signum", "Signum"), ("lion", "Lion"))
    ]


def _most(where: str, what: str, share: Interval) -> Row:
    """Whether a share is more than half."""
    most = share.shifted(-0.5)
    outcome, reasons = judged(most, 0.0)
    return Row(
        where=where,
        text=f"share of the {what}: {written(share)}; more than half is claimed",
        shows=outcome,
        interval=share,
        unit="",
        coverage=SHARES,
        windows=None,
        basis=NOT_TUNED,
        counted=True,
        notes=reasons,
    )


def _leads(proxy: str) -> str:
    found = entries("discovery", "screening.json")
    return written(interval(found[f"{proxy}.lion_minus_adamw"]), digits=3)


def overfits() -> list[Row]:
    """Leads over AdamW, as written and tuned, at the search's size and beyond."""
    found = entries("discovery", "meta.json")
    measured = []
    for name, other in (
        ("lead", "the AdamW that the search began with"),
        ("lead_over_constants", "AdamW with its constants tuned at the search's size"),
    ):
        small = interval(found[f"x1.{name}"])
        for factor in (10, 100):
            lead = interval(found[f"x{factor}.{name}"])
            outcome: Outcome = "underpowered"
            if lead.high < small.low:
                outcome = "supported"
            elif lead.low > small.high:
                outcome = "not supported"
            measured.append(
                Row(
                    where=f"{factor} times the compute, against {other}",
                    text=f"lead {written(lead, digits=3)}, at the search's size "
                    f"{written(small, digits=3)}",
                    shows=outcome,
                    interval=lead,
                    unit="of the initial loss",
                    windows=None,
                    basis=NOT_TUNED,
                    coverage=coverage("cell mean", lead.n)
                    + "; a fitness below 0 counts as 0",
                )
            )
    return measured
