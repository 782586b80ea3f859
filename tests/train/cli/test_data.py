"""``drc data draw`` and ``drc data convert`` as they are typed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from drc_runtime.errors import UsageError
from drc_runtime.images import read_image
from drc_train.cli.data import convert, draw
from drc_train.data.downloads import convert as module
from drc_train.data.downloads.options import ConversionOptions, ConversionReport
from drc_train.data.synthetic import tm_dsprites


def test_draws_what_the_seed_says(tmp_path: Path, typed, capsys: pytest.CaptureFixture[str]) -> None:
    typed(draw, "tm-dsprites", tmp_path / "a", "--count", 2, "--size", 24, "--seed", 7)
    assert capsys.readouterr().out == f"{tmp_path / 'a'}: 2 images\n"
    found = [read_image(tmp_path / "a" / "images" / f"0000{index}.png") for index in range(2)]
    assert np.array_equal(found, tm_dsprites.draw(2, 24, 7)[0])


def test_the_default_seed_is_0(tmp_path: Path, typed, capsys: pytest.CaptureFixture[str]) -> None:
    typed(draw, "tm-dsprites", tmp_path / "a", "--count", 1, "--size", 24, "--json")
    assert json.loads(capsys.readouterr().out) == {"folder": str(tmp_path / "a"), "images": 1}
    assert np.array_equal(read_image(tmp_path / "a" / "images" / "00000.png"), tm_dsprites.draw(1, 24, 0)[0][0])


def test_every_option_of_a_conversion_reaches_the_function(
    tmp_path: Path, typed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[Any] = []

    def converted(*arguments: Any, progress: Any) -> ConversionReport:
        calls.append(arguments)
        progress(3)
        return ConversionReport(train=2, test=1)

    monkeypatch.setattr(module, "convert_data_set", converted)
    options = ["--size", 64, "--truth", tmp_path, "--margin", 0.5, "--largest", 0.9, "--skip-unreadable"]
    options += ["--protocol", "paper", "--split", "all", "--exclude", tmp_path / "names"]
    typed(convert, "dogs", tmp_path / "in", tmp_path / "out", *options)
    expected = ConversionOptions(64, tmp_path, 0.5, 0.9, "paper", "all", tmp_path / "names", True)
    assert calls == [("dogs", tmp_path / "in", tmp_path / "out", expected)]
    assert capsys.readouterr().out == f"{tmp_path / 'out'}: 2 images in train, 1 in test\n"
    typed(convert, "cub", tmp_path / "in", tmp_path / "out", "--json")
    assert calls[1][3] == ConversionOptions()
    assert json.loads(capsys.readouterr().out)["train"] == 2


def test_names_of_the_other_command_are_refused(tmp_path: Path, typed) -> None:
    with pytest.raises(UsageError, match="there are: tm-dsprites, scene, sprites"):
        typed(draw, "cub", tmp_path / "out")
    with pytest.raises(UsageError, match="there are: cub, dogs, cars, clevr6"):
        typed(convert, "scene", tmp_path, tmp_path / "out")
    with pytest.raises(typer.TyperException, match="No such option: --margin"):
        typed(draw, "scene", tmp_path / "out", "--margin", 0.1)
    assert not (tmp_path / "out").exists()
