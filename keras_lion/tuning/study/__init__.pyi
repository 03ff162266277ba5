from .comparison import Comparison as Comparison
from .run_specification import RunSpecification as RunSpecification
from .schedule import Schedule as Schedule
from .study import Plan as Plan
from .study import Study as Study
