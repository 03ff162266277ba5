from . import reference as reference
from .conversion import lion_from_adamw as lion_from_adamw
from .conversion_rule import convert_adamw as convert_adamw
from .diagnostics import LionDiagnostics as LionDiagnostics
from .lion import Lion as Lion
from .scaled_schedule import ScaledSchedule as ScaledSchedule
from .updates import adamw_update as adamw_update
from .updates import lion_update as lion_update
