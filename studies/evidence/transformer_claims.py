"""Claims on what lr × λ decides in a Transformer, by what of it decays."""

from __future__ import annotations

from studies.evidence.decay_claims import declared_rows
from studies.evidence.measured import Claim
from studies.evidence.row import Row, missing
from studies.evidence.runs import is_complete

STUDY = "transformers"
INVARIANT = ("normalized_invariant", "normalized_pinned", "normalized_invariant_long")
WITH_SIZE = ("plain_all", "normalized_all", "plain_invariant")


def invariant_alone() -> list[Row]:
    """The declared comparison, where only scale-invariant weights decay."""
    return _rows(INVARIANT)


def with_size() -> list[Row]:
    """The declared comparison, where weights decay whose size counts, or readers do."""
    return _rows(WITH_SIZE)


def _rows(tasks: tuple[str, ...]) -> list[Row]:
    found = []
    for task in tasks:
        if is_complete(STUDY, task):
            found += declared_rows(STUDY, task)
        else:
            found.append(missing(task))
    return found


CLAIMS = (
    Claim(
        "transformer-pace",
        "In a Transformer in which all weights but the head are scale-invariant, and "
        "only these decay, lr × λ alone decides.",
        "standard deviation of the validation loss over learning rates at one lr × λ",
        "product",
        "van Laarhoven 2017; Wang & Aitchison 2024; predicted in the study",
        "transformers.py",
        invariant_alone,
        "transformers/figures/spread.png",
    ),
    Claim(
        "transformer-size",
        "In a pre-norm Transformer whose matrices all decay, lr × λ alone decides.",
        "standard deviation of the validation loss over learning rates at one lr × λ",
        "product",
        "often said of AdamW and Lion; the study predicts that it does not",
        "transformers.py",
        with_size,
        "transformers/figures/spread.png",
    ),
)
