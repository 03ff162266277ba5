"""The parts and their modules, and how the process that measures one ends."""

PACKAGE = "studies.performance.accelerator_parts"
MODULES = {
    "check": "check",
    "steps": "steps",
    "memory": "memory",
    "populations": "populations",
    "discovery": "discovery",
    "studies": "presets",
}
DONE, MORE = 0, 3  # exit statuses: all is measured, or another process is needed
PARTS = tuple(MODULES)
