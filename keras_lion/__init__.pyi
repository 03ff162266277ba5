from . import optimizers as optimizers
from . import report as report
from . import robustness as robustness
from . import statistics as statistics
from . import theory as theory
from . import tuning as tuning
from .optimizers.from_adamw.conversion import lion_from_adamw as lion_from_adamw
from .optimizers.lion import Lion as Lion
