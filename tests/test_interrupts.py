"""Ctrl-C inside a garbage collection, where Python drops the exception."""

from __future__ import annotations

import gc
import signal

import pytest

from keras_lion.interrupts import Interrupts


def interrupt(phase, info):
    gc.callbacks.remove(interrupt)
    signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_the_garbage_collector_drops_is_raised_by_the_check():
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        interrupts.check()
        gc.callbacks.append(interrupt)
        gc.collect()  # without `Interrupts` nobody would learn of it
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert signal.getsignal(signal.SIGINT) == before


def test_any_other_interrupt_is_raised_at_once():
    with pytest.raises(KeyboardInterrupt), Interrupts():
        signal.raise_signal(signal.SIGINT)
