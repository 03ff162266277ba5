"""The command line of a study without options: `--help` prints its docstring."""

from __future__ import annotations

import argparse


def no_options(docstring: str | None) -> None:
    """Print the docstring on `--help`; refuse anything else."""
    argparse.ArgumentParser(
        description=docstring, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
