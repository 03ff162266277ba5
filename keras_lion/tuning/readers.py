"""The functions of `keras_lion.tuning.runs.readers`, under their first import path."""

from keras_lion.tuning.runs.readers import import_runs as import_runs
from keras_lion.tuning.runs.readers import read_runs as read_runs
