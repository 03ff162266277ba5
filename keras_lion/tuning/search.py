"""The function of `keras_lion.tuning.sweep.search`, under its first import path."""

from keras_lion.tuning.sweep.search import run_search as run_search
