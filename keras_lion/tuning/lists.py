"""Arguments that are lists of texts."""

from __future__ import annotations

from typing import Any


def check_list(name: str, given: Any) -> None:
    """Refuse one text in place of a list, which would be read letter by letter.

    Args:
        name: Name of the argument.
        given: What was passed.

    Raises:
        ValueError: If it is a text.
    """
    if isinstance(given, str):
        raise ValueError(
            f"`{name}` must be a list of texts, such as [{given!r}]. Received the text "
            f"{given!r}."
        )
