from .built_in import get_task as get_task
from .task import Data as Data
from .task import Task as Task
