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
        "complete_runs": ".runs.table",
        "import_runs": ".runs.readers",
        "load_runs": ".runs.records",
        "load_study_file": ".study.study_file",
        "load_table": ".runs.table",
        "merge_runs": ".runs.table",
        "read_runs": ".runs.readers",
        "run_search": ".sweep.search",
        "run_study": ".sweep.run",
        "save_table": ".runs.table",
    },
)
