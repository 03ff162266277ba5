from keras_lion.tuning.runs.readers import import_runs as import_runs
from keras_lion.tuning.runs.readers import read_runs as read_runs
from keras_lion.tuning.runs.records import load_runs as load_runs
from keras_lion.tuning.runs.table import complete_runs as complete_runs
from keras_lion.tuning.runs.table import load_table as load_table
from keras_lion.tuning.runs.table import merge_runs as merge_runs
from keras_lion.tuning.runs.table import save_table as save_table
from keras_lion.tuning.study.search_space import Axis as Axis
from keras_lion.tuning.study.search_space import SearchSpace as SearchSpace
from keras_lion.tuning.study.study import Study as Study
from keras_lion.tuning.study.study_file import load_study_file as load_study_file
from keras_lion.tuning.sweep.run import run_study as run_study
from keras_lion.tuning.sweep.search import run_search as run_search
from keras_lion.tuning.tasks.task import Data as Data
from keras_lion.tuning.tasks.task import Task as Task

__all__ = [
    "Axis",
    "Data",
    "SearchSpace",
    "Study",
    "Task",
    "complete_runs",
    "import_runs",
    "load_runs",
    "load_study_file",
    "load_table",
    "merge_runs",
    "read_runs",
    "run_search",
    "run_study",
    "save_table",
]
