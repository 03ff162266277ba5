"""What a newcomer asks, answered in one sentence each from the ledger's rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from keras_lion.robustness.wording import listed
from keras_lion.statistics import Interval
from studies.effective_decay import LENGTHS
from studies.evidence import side_by_side
from studies.evidence.measured import written

Entries = Sequence[Mapping[str, Any]]


def answers(found: Entries, ledger: str = "") -> list[str]:
    """The four answers, in the order in which they are asked.

    Args:
        found: The entries of the ledger.
        ledger: Path of the ledger's page, for links from another page.
    """
    return [
        f"**{question}** {answer(found)} {_links(ledger, claims)}"
        for question, answer, claims in QUESTIONS
    ]


def better(found: Entries) -> str:
    """At its best: accuracy on the primary task, and losses on all."""
    row, tasks = rows(found, "small-tasks")["mnist1d_mlp"], side_by_side.shown()
    each = side_by_side.tested()[0]
    adamw, lion = (f"{score.estimate:.1f} %" for score in each.score)
    gap = written(_interval(row["number"]), row["unit"])
    all_higher = len(tasks.higher) == len(tasks.every)
    return (
        f"{'Not on these tasks' if all_higher else 'Not on all tasks'}: on MNIST-1D "
        f"Lion's best accuracy is {lion} and AdamW's {adamw}, AdamW − Lion {gap}; "
        f"Lion's lowest loss is above AdamW's "
        f"{side_by_side.on(tasks.higher, tasks.every)}."
    )


def forgiving(_: Entries) -> str:
    """A wrong learning rate, and a wrong pair."""
    text = side_by_side.tolerance()
    return f"{text[0].upper()}{text[1:]}."


def product(found: Entries) -> str:
    """The spread at one lr × λ, of a scale-invariant network and of the plain one."""
    known = {
        network: rows(found, claim)
        for network, claim in (("invariant", "pace-alone"), ("plain", "size-counts"))
    }
    steps = max(
        each
        for each in LENGTHS
        if all(f"{network}_{each}, lion" in known[network] for network in known)
    )
    ends = {"invariant": "high", "plain": "estimate"}
    networks = {
        network: " and ".join(
            f"{own[f'{network}_{steps}, {name}']['number'][ends[network]]:.1f}"
            for name in ("adamw", "lion")
        )
        for network, own in known.items()
    }
    return (
        "It alone sets how fast weights forget. Where every weight is scale-invariant "
        "and decay is enough, accuracy hardly depends on anything else: over learning "
        f"rates 256 times apart at one lr × λ it varies after {steps:,} steps by at "
        f"most {networks['invariant']} points (AdamW and Lion; standard deviation, "
        "upper end of its 95 % interval). In the plain network it varies by "
        f"{networks['plain']} points: there the size of the weights, lr / λ, counts as "
        "well."
    )


def values(found: Entries) -> str:
    """Where to start from: AdamW's recipe, converted."""
    matched, thumb = rows(found, "matched-conversion"), rows(found, "rule-of-thumb")
    holds = [name for name, row in matched.items() if row["outcome"] in GOOD]
    tried = [name for name, row in matched.items() if row["outcome"] not in UNTESTED]
    short = [name for name, row in thumb.items() if row["outcome"] in BAD]
    text = (
        "From a good AdamW recipe: its learning rate divided by 4.36 and its weight "
        "decay times 10.4 are, to within 0.05 nats, as good as the best factor from 3 "
        "to 10 "
        f"{side_by_side.on(holds, tried)}"
    )
    worse = [name for name, row in matched.items() if row["outcome"] in BAD]
    text += f", and worse on {listed(worse)}." if worse else "."
    if short:
        text += f" Then search: converted values do not reach AdamW on {listed(short)}."
    return text


QUESTIONS = (
    ("Is Lion better here?", better, ("small-tasks", "other-optimizers")),
    ("How forgiving is it?", forgiving, ("less-sensitive", "joint-mistake")),
    ("What does lr × λ do?", product, ("pace-alone", "size-counts")),
    (
        "Which values do I start from?",
        values,
        ("matched-conversion", "rule-of-thumb"),
    ),
)
GOOD = ("holds at this scale",)
BAD = ("does not hold at this scale",)
UNTESTED = ("cannot be tested here", "not run yet")


def rows(found: Entries, claim: str) -> dict[str, Mapping[str, Any]]:
    """Place → row of a claim."""
    (entry,) = (each for each in found if each["claim"] == claim)
    return {each["where"]: each for each in entry["measurements"]}


def _interval(number: Mapping[str, Any]) -> Interval:
    return Interval(number["estimate"], number["low"], number["high"], number["n"])


def _links(ledger: str, claims: Sequence[str]) -> str:
    return f"({', '.join(f'[{each}]({ledger}#{each})' for each in claims)})"
