"""Running a study: tasks, search spaces, trials and the records of runs."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Axis": ".study.search_space",
        "Data": ".tasks.task",
        "SearchSpace": ".study.search_space",
        "Study": ".study.study",
        "Task": ".tasks.task",
        "complete_runs": ".runs_table",
        "load_runs": ".records",
        "load_study_file": ".study.study_file",
        "load_table": ".runs_table",
        "merge_runs": ".runs_table",
        "read_runs": ".readers",
        "run_search": ".search",
        "run_study": ".run",
        "save_table": ".runs_table",
    },
)
