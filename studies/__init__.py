"""One file per question, and the evidence that is made from their runs."""

from keras_lion.start_up import log_errors_only

log_errors_only()
