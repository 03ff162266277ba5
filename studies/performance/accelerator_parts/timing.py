"""Where the parts take their clocks from: turns, ratios and compiled steps."""

from studies.performance.optimizer_steps import Step as Step
from studies.performance.optimizer_steps import compiled as compiled
from studies.performance.optimizer_steps import ratio_of_medians as ratio_of_medians
from studies.performance.optimizer_steps import turns_of as turns_of
