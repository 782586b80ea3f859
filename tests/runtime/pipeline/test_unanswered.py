"""A model that does not return to Python cannot keep Ctrl-C and SIGTERM from ending the process."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

# A loop without end, which a bundle cannot hold, run by onnxruntime in the main thread.
PROGRAM = """
import sys
import numpy
import onnxruntime
from onnx import TensorProto, helper
from drc_runtime.pipeline import unanswered
from drc_runtime.pipeline.signals import GracefulShutdown

unanswered.PATIENCE = float(sys.argv[1])
def value(name, kind=TensorProto.BOOL):
    return helper.make_tensor_value_info(name, kind, [])

nodes = [helper.make_node("Identity", ["go"], [name]) for name in ("go_on", "kept")]
inputs = [value("i", TensorProto.INT64), value("go"), value("old")]
body = helper.make_graph(nodes, "body", inputs, [value("go_on"), value("kept")])
loop = helper.make_node("Loop", ["", "x", "x"], ["y"], body=body)
graph = helper.make_graph([loop], "g", [value("x")], [value("y")])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
with GracefulShutdown():
    print("running", flush=True)
    session.run(None, {"x": numpy.array(True)})
"""


def start(patience: float) -> "subprocess.Popen[str]":
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(patience)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "running\n", child.stderr and child.stderr.read()
    time.sleep(0.5)  # until the model runs: before that, Python still answers
    return child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_ends_a_run_that_does_not_answer(number: signal.Signals) -> None:
    child = start(0.1)
    child.send_signal(number)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 128 + number
    assert said == "drc: the model does not answer; ended without completing the outputs\n"


def test_a_second_signal_ends_it_at_once() -> None:
    child = start(3600)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)
    assert child.wait(timeout=60) in (128 + signal.SIGINT, 128 + signal.SIGTERM)
    child.communicate()


def test_an_answered_signal_ends_nothing() -> None:
    program = """
import os, signal, time
from drc_runtime.pipeline import unanswered
from drc_runtime.pipeline.signals import GracefulShutdown
unanswered.PATIENCE = 1.0
with GracefulShutdown() as shutdown:
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        pass
    time.sleep(1.5)
print("complete")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "complete\n"), done.stderr
