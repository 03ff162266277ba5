"""Training: one run, or many in one program."""
