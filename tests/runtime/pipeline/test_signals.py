"""Ctrl-C, SIGTERM and SIGHUP: the first finishes what is open, the second quits at once."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from drc_runtime.pipeline.signals import ENDING, GracefulShutdown

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("number", ENDING)
def test_the_first_signal_raises_and_is_remembered(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with GracefulShutdown() as shutdown:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
            signal.sigtimedwait([], 1)  # the handler runs before this ends
        assert shutdown.received == number
    assert signal.getsignal(number) is before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_a_hangup_that_is_ignored_stays_ignored() -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with GracefulShutdown() as shutdown:
            os.kill(os.getpid(), signal.SIGHUP)
        assert shutdown.received is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_nothing_is_raised_while_outputs_are_finished() -> None:
    with GracefulShutdown() as shutdown:
        shutdown.raising = False
        os.kill(os.getpid(), signal.SIGTERM)
        assert shutdown.received == signal.SIGTERM


def test_the_second_signal_ends_the_process_at_once() -> None:
    program = """
import os, signal
from drc_runtime.pipeline.signals import GracefulShutdown
with GracefulShutdown() as shutdown:
    shutdown.raising = False
    os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    print("still here")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert done.returncode == 128 + signal.SIGTERM and done.stdout == ""


def test_outside_the_main_thread_it_does_nothing() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def enter() -> None:
        with GracefulShutdown() as shutdown:
            seen.append((shutdown.received, signal.getsignal(signal.SIGINT) is before))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(None, True)]
