"""``drc-live sample`` as a program: the samples of ``drc sample``, and every failure as one line and an exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.marks import is_marked
from drc_runtime.samples import sample_bundle

PROGRAM = os.environ["DRC_LIVE"]
MODEL = Path(os.environ["DRC_GOLDEN"]) / "random"


def sample(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [PROGRAM, "sample", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_prior_is_sampled_as_by_the_python_command(tmp_path: Path) -> None:
    """Grey levels within 1, and the energies of each chain's last step."""
    options = ["--count", 3, "--steps", 20, "--seed", 7, "--json"]
    bundle, native, python = sample_bundle("scene"), tmp_path / "native.png", tmp_path / "python.png"
    done = sample(bundle, "--out", native, *options)
    assert done.returncode == 0 and done.stderr == ""
    command = [sys.executable, "-m", "drc_runtime", "sample", bundle, "--out", python, *options]
    said = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout
    found, expected = json.loads(done.stdout), json.loads(said)
    np.testing.assert_allclose(found.pop("energies"), expected.pop("energies"), rtol=1e-3, atol=1e-3)
    assert found | {"out": ""} == expected | {"out": ""}
    ours, theirs = cv2.imread(str(native)).astype(int), cv2.imread(str(python)).astype(int)
    assert ours.shape == theirs.shape and np.abs(ours - theirs).max() <= 1 and is_marked(native)
    assert np.mean(ours == theirs) > 0.99
    assert sample(bundle, "--out", native, *options[:4], "--seed", 8, "--overwrite").returncode == 0
    assert np.abs(cv2.imread(str(native)).astype(int) - theirs).max() > 20


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--out", "a.png"), 2, "name one BUNDLE"),
        (("scene", "--out", "a.jpg"), 2, "ends in .png"),
        (("scene", "--out", "a.png", "--count", 0), 2, "--count 0 is not a whole number from 1"),
        (("scene", "--out", "a.png", "--steps", 65537), 2, "the most is 65536"),
        (("fixed-camera", "--out", "a.png"), 2, "draws no background of its own"),
        ((MODEL, "--out", "a.png"), 1, "has no graph 'render'"),
        (("nowhere", "--out", "a.png"), 1, "nowhere"),
    ],
)
def test_failures_of_sampling(tmp_path: Path, arguments: tuple[object, ...], code: int, message: str) -> None:
    names = {
        "scene": sample_bundle("scene"),
        "fixed-camera": sample_bundle("fixed-camera"),
        "a.png": tmp_path / "a.png",
    }
    done = sample(*(names.get(str(each), each) for each in arguments))
    assert done.returncode == code and message in done.stderr and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
