"""A program as a table of numbers, for an interpreter that is compiled once.

One row for each operation: what it does (a branch), which register it writes, which it
reads, and the constants where it reads none.
"""

from __future__ import annotations

import numpy as np

from keras_lion.discovery.language.abstract import ORDER, Type
from keras_lion.discovery.language.execution import Operation, operations
from keras_lion.discovery.language.functions import FUNCTIONS
from keras_lion.discovery.language.program import Program

Branch = tuple[str, tuple[Type, ...]]
Table = tuple[np.ndarray, ...]  # branches, targets, slots, constants, length

# Registers of every program; the other variables' come after these.
SLOTS = {name: slot for slot, name in enumerate(("w", "g", "lr", "m", "v", "update"))}
MAX_ARGUMENTS = 4
CONSTANT = -1  # the slot of an argument that is none

# a x + b y. A constant weight of `interpolate` is taken from 1 in double precision.
WEIGHTED_SUM: Branch = ("weighted sum", ())


def _branches() -> list[Branch]:
    """All there is to do; types tell apart what works on tensors as a whole."""
    found = [WEIGHTED_SUM]
    for function in FUNCTIONS.values():
        if function.undefined or function.scope == "constant":
            continue
        if function.scope == "elementwise":
            found.append((function.name, ()))
            continue
        for largest in ORDER:
            types = [
                "scalar" if parameter == "scalar" else largest
                for parameter in function.parameters
            ]
            found.append((function.name, tuple(types)))
    return found


BRANCHES = _branches()
_NUMBERS = {branch: number for number, branch in enumerate(BRANCHES)}


def table_of(program: Program, size: int) -> Table:
    """A program as numbers.

    Args:
        program: A valid program.
        size: Rows; those that it does not fill write to a register that nothing reads.

    Returns:
        Numbers of branches, shape `(size,)`; registers that are written, likewise;
        registers that are read, `(size, 4)`; constants, likewise; number of operations.
    """
    branches = np.zeros(size, np.int32)
    targets = np.full(size, len(SLOTS) + size - 1, np.int32)
    read = np.full((size, MAX_ARGUMENTS), CONSTANT, np.int32)
    constants = np.zeros((size, MAX_ARGUMENTS))
    slots = dict(SLOTS)
    rows = operations(program)
    for row, operation in enumerate(rows):
        branch, arguments = _branch_of(operation)
        branches[row] = _NUMBERS[branch]
        for column, argument in enumerate(arguments):
            if isinstance(argument, str):
                read[row, column] = slots[argument]
            else:
                constants[row, column] = argument
        targets[row] = slots.setdefault(operation.target, len(slots))
    with np.errstate(over="ignore"):
        rounded = constants.astype(np.float32)
    return branches, targets, read, rounded, np.asarray(len(rows), np.int32)


def _branch_of(operation: Operation) -> tuple[Branch, tuple[str | float, ...]]:
    function, arguments = operation.function, operation.arguments
    if function == "interpolate" and isinstance(arguments[2], float):
        return WEIGHTED_SUM, (*arguments[:2], 1.0 - arguments[2], arguments[2])
    if FUNCTIONS[function].scope == "elementwise":
        return (function, ()), arguments
    return (function, operation.types), arguments
