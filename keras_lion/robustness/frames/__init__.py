"""Tables of runs: their conditions, quantities and gaps."""
