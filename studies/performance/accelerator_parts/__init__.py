"""The parts of `accelerator.py`, one module each, and how they are run."""
