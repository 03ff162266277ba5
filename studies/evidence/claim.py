"""A claim of a source, and what measures it here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from outcome import Measured


@dataclass(frozen=True)
class Claim:
    """A claim, and the function that measures it.

    Attributes:
        name: Short name, the anchor of its section.
        text: The claim, in one sentence.
        source: Who says so.
        study: File that measures it, beside this folder; None if none does.
        measure: Function without arguments that returns the measurements.
        figure: Picture under results/, if there is one.
    """

    name: str
    text: str
    source: str
    study: str | None
    measure: Callable[[], Sequence[Measured]]
    figure: str | None = None
