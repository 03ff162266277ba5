from keras_lion.tuning.tasks.built_in import get_task as get_task
from keras_lion.tuning.tasks.task import Data as Data
from keras_lion.tuning.tasks.task import Task as Task

__all__ = ["Data", "Task", "get_task"]
