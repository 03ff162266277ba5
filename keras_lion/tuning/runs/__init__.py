"""Records of runs: append, read, repair; the public table; runs of other tools."""
