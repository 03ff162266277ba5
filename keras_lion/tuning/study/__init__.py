"""What is asked: studies, their plans and search spaces, and the runs they declare."""

from keras_lion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Axis": ".search_space",
        "Comparison": ".study",
        "Plan": ".study",
        "RunSpecification": ".run_specification",
        "Schedule": ".schedule",
        "SearchSpace": ".search_space",
        "Study": ".study",
        "iso_product_lines": ".grids",
        "load_study_file": ".study_file",
        "window": ".grids",
    },
)
