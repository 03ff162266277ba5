"""Runs handed out: the oracle and the tuner, processes, the folder of a study."""
