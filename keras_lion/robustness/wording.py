"""Numbers and names as words of a sentence."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """A number with its noun: `no seeds`, `one seed`, `6 seeds`."""
    words = {0: "no", 1: "one"}
    return f"{words.get(number, number)} {noun}{'' if number == 1 else 's'}"


def with_unit(number: str, unit: str) -> str:
    """A number with its unit, if it has one: `0.5 points`, `1 point`, `10 %`."""
    if number in ("1", "-1") and unit.endswith("s"):
        unit = unit[:-1]
    return f"{number} {unit}".rstrip()


def listed(texts: Sequence[str]) -> str:
    """Texts in a row: `a, b and c`."""
    if len(texts) < 2:
        return "".join(texts)
    return f"{', '.join(texts[:-1])} and {texts[-1]}"
