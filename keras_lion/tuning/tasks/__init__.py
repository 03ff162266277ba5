"""What a run trains: tasks, and those that come with keras-lion."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Data": ".task",
        "Task": ".task",
        "get_task": ".built_in",
    },
)
