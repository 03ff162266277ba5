from keras_lion.tuning.study.grids import iso_product_lines as iso_product_lines
from keras_lion.tuning.study.grids import window as window
from keras_lion.tuning.study.run_specification import (
    RunSpecification as RunSpecification,
)
from keras_lion.tuning.study.schedule import Schedule as Schedule
from keras_lion.tuning.study.search_space import Axis as Axis
from keras_lion.tuning.study.search_space import SearchSpace as SearchSpace
from keras_lion.tuning.study.study import Comparison as Comparison
from keras_lion.tuning.study.study import Plan as Plan
from keras_lion.tuning.study.study import Study as Study
from keras_lion.tuning.study.study_file import load_study_file as load_study_file

__all__ = [
    "Axis",
    "Comparison",
    "Plan",
    "RunSpecification",
    "Schedule",
    "SearchSpace",
    "Study",
    "iso_product_lines",
    "load_study_file",
    "window",
]
