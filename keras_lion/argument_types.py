"""Types of the command's arguments: from text to a value, or one line that says why."""

from __future__ import annotations

import argparse
import math

from keras_lion.tuning.study.extension import Extension


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        message = f"must be a number, received {text!r}"
        raise argparse.ArgumentTypeError(message) from error


def positive_number(text: str) -> float:
    value = number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(
            f"must be a positive number, received {text!r}"
        )
    return value


def at_least_one(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value.is_integer() or value < 1:  # infinities and NaN are no integers
        raise argparse.ArgumentTypeError(
            f"must be a whole number of 1 or more, received {text!r}"
        )
    return int(value)


def assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, received {text!r}")
    return name, value


def extension(text: str) -> str:
    try:
        Extension.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text
