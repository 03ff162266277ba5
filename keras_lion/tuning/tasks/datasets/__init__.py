"""The data sets of the tasks, one module each with a function `load() -> Data`."""
