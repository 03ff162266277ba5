"""From the public table of runs to the ledger, the README and the figures."""
