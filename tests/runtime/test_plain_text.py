"""What reaches a terminal, a log or a folder's name: no control characters, no passwords."""

import subprocess
import sys
from pathlib import Path

import pytest

from drc_runtime.pipeline.learned import default_folder
from drc_runtime.plain_text import plain, without_secrets

ADDRESSES = [
    "rtsp://user:SECRET@cam/live",
    "rtsp://user:SE@CRET@cam/live",
    "rtsp://user:SE/CRET@cam/live",
    "rtsp://user:SE?CRET#@cam/live",
    "RTSP://user:SECRET@cam:554/live?channel=1",
    "http://cam/live?user=admin&pwd=SECRET",
    "http://cam/live;pwd=SECRET?x",
    "http://cam/live#token=SECRET",
    "rtsp://cam:554/user=admin&password=SECRET&channel=1/live",
    "rtsp://cam/user%3Dadmin_password%3DSECRET_channel=1.sdp/live",
    "rtsp:/user:SECRET@cam/live",
    "rtsp:///user:SECRET@cam/live",
]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("text", ["{}", "no video comes from {}; check the address", "'{}'"])
def test_no_part_of_a_password_is_shown_and_the_camera_is(address: str, text: str) -> None:
    shown = without_secrets(text.format(address))
    assert "CRET" not in shown and "SE@" not in shown and "admin" not in shown
    assert "cam" in shown and "live" in shown and address.partition(":")[0] in shown


@pytest.mark.parametrize("address", [address for address in ADDRESSES if address.split(":")[1].count("/") == 2])
def test_a_folder_of_learning_has_no_part_of_a_password(address: str) -> None:
    folder = str(default_folder(address))
    assert "CRET" not in folder and "admin" not in folder and "cam" in folder


def test_addresses_that_differ_in_what_is_hidden_have_folders_of_their_own() -> None:
    assert default_folder("http://cam/a?channel=1") != default_folder("http://cam/a?channel=2")
    assert default_folder("http://cam/a?channel=1") == default_folder("http://cam/a?channel=1")
    assert default_folder("rtsp://u:one@cam/live") == default_folder("rtsp://u:two@cam/live")


@pytest.mark.parametrize("text", ["a@b.png is cut short", "http://cam/live", "C:/images", "12:30 and 5 = 3 + 2?"])
def test_other_text_stays(text: str) -> None:
    assert without_secrets(text) == text


def test_control_characters_are_shown_as_one_mark_each() -> None:
    assert plain("a\x1b[31m\nb") == "a�[31m�b" and plain(3) == "3"


def test_onnxruntime_prints_no_names_of_a_graph(tmp_path: Path) -> None:
    """A node that fails is named in the error, which the command line makes plain, and not in a log of its own."""
    program = """
import sys
import numpy as np, onnx, onnxruntime
import drc_runtime.engines.onnxruntime
from onnx import helper as h, TensorProto as T
value = h.make_tensor_value_info
node = h.make_node("Reshape", ["x", "s"], ["y"], name="\\x1b]0;owned\\x07")
graph = h.make_graph([node], "g", [value("x", T.FLOAT, [4]), value("s", T.INT64, [2])], [value("y", T.FLOAT, None)])
model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
try:
    session.run(None, {"x": np.zeros(4, np.float32), "s": np.array([3, 3])})
except Exception as error:
    print("owned" in str(error))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=Path(__file__).parents[2])
    assert (done.stdout, done.stderr) == (b"True\n", b"")
