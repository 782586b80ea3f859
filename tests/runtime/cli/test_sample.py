"""``drc sample`` as it is typed, with the sample's bundle."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2

from drc_runtime.samples import sample_bundle

Drc = Callable[..., tuple[int, str, str]]


def test_a_sheet_is_written_and_only_our_own_is_replaced(drc: Drc, tmp_path: Path) -> None:
    out, bundle = tmp_path / "prior.png", str(sample_bundle("sprites"))
    given = ("sample", bundle, "--out", str(out), "--count", "3", "--steps", "2")
    code, printed, err = drc(*given, "--json")
    report = json.loads(printed)
    assert (code, err) == (0, "") and len(report["energies"]) == 3 and report["steps"] == 2
    assert cv2.imread(str(out)).shape == (4 * 32 + 6, 3 * 32 + 4, 3)
    before = out.read_bytes()
    assert drc(*given)[0] == 2 and out.read_bytes() == before
    code, printed, _ = drc(*given, "--overwrite", "--seed", "1")
    assert code == 0 and "3 samples" in printed and out.read_bytes() != before
    out.write_bytes(b"mine")
    assert drc(*given, "--overwrite")[0] == 2 and out.read_bytes() == b"mine"


def test_nothing_is_written_where_it_fails(drc: Drc, tmp_path: Path) -> None:
    code, _, err = drc("sample", str(sample_bundle("fixed-camera")), "--out", str(tmp_path / "a.png"))
    assert code == 2 and "no background of its own" in err
    code, _, err = drc("sample", str(sample_bundle("sprites")), "--out", str(tmp_path / "a.jpg"))
    assert code == 2 and ".png" in err
    assert not list(tmp_path.iterdir())
