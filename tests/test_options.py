"""Every option has an effect in every call, or a call in which it has none is refused.

A refusal ends with exit code 2 and one line that names the option, before anything is written. An option that is in neither
table fails here: whoever adds one decides which it is.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drc_runtime.cli.app import COMMANDS, load_command
from tests.videos import write_video

Drc = Callable[..., tuple[int, str, str]]

ALWAYS: dict[str, dict[str, str]] = {
    "run": {
        "--model": "computes the masks",
        "--engine": "runs the model",
        "--precision": "of the model's graphs",
        "--out": "is written",
        "--masks": "is written",
        "--log": "gets a line for each frame",
        "--overwrite": "permits, and demands nothing",
        "--display": "permits, and demands nothing",
        "--json": "prints the report as JSON",
    },
    "batch": {
        "--masks": "required",
        "--soft": "a batch writes masks only",
        "--model": "computes the masks",
        "--engine": "runs the model",
        "--precision": "of the model's graphs",
        "--mask": "decides how masks are read from a sample",
        "--steps": "of images and of frames",
        "--temperature": "of every step",
        "--address": "of the cluster",
        "--workers": "number of actors",
        "--json": "prints the report as JSON",
    },
    "cameras": {"--json": "prints the list as JSON"},
    "bench": {
        "--engine": "runs the model",
        "--precision": "of the model's graphs",
        "--threads": "also those of OpenCV's background subtractors",
        "--json": "prints the report as JSON",
    },
    "web": {
        "--onnxruntime-web": "is read instead of fetched",
        "--overwrite": "permits, and demands nothing",
        "--json": "prints the report as JSON",
    },
    "info": {"--graph": "is shown", "--json": "prints the report as JSON"},
    "sample": {
        "--out": "required",
        "--count": "are drawn",
        "--steps": "of every chain",
        "--engine": "runs the graphs",
        "--seed": "of the noise",
        "--overwrite": "permits, and demands nothing",
        "--json": "prints the energies as JSON",
    },
    "doctor": {"--json": "prints the findings as JSON"},
    "train": {
        "--out": "required",
        "--minutes": "a limit",
        "--json": "prints the report as JSON",
    },
    "eval": {
        "--model": "is measured",
        "--baseline": "is measured",
        "--table": "is written",
        "--size": "of images, masks and clips",
        "--limit": "of every set",
        "--json": "prints the figures as JSON",
    },
    "ablate": {
        "--out": "required",
        "--rows": "are learned, or added to those of --resume",
        "--seeds": "are learned, or added to those of --resume",
        "--iterations": "a limit of each run",
        "--minutes": "a limit of each run",
        "--resume": "continues the ablation in --out, or fails",
        "--json": "prints the table as JSON",
    },
    "reproduce": {
        "--data": "holds the sets",
        "--out": "is written",
        "--protocol": "of every run",
        "--seeds": "are learned",
        "--tiny": "of every run",
        "--json": "prints the table as JSON",
    },
    "data draw": {
        "--count": "of every synthetic set",
        "--size": "of every synthetic set",
        "--seed": "of every synthetic set",
        "--json": "prints the number of images as JSON",
    },
    "data convert": {
        "--size": "of every download",
        "--json": "prints the report as JSON",
    },
    "export": {
        "--trt": "builds engines",
        "--no-verify": "of graphs and of engines",
        "--json": "prints the report as JSON",
    },
    "compare": {
        "--rounds": "number of measurements",
        "--threads": "of every backend",
        "--seed": "of the inputs",
        "--json": "prints the report as JSON",
    },
}
"""For each command its options that have an effect in every call, and which."""

REFUSED: dict[str, dict[str, list[str]]] = {
    "run": {
        "--soft": ["clip.avi --out out.avi --soft", "photo.png --out out.png --soft"],
        "--from-noise": [
            "clip.avi --masks out --model toy-bundle --from-noise",
            "clip.avi --masks out --student --from-noise",
        ],
        "--refine": [
            "clip.avi --masks out --refine cut",
            "clip.avi --masks out --refine none",
        ],
        "--student": ["clip.avi --masks out --student", "images --masks out --student"],
        "--mask": ["clip.avi --masks out --student --mask mixture"],
        "--seed": [
            "clip.avi --masks out --model initialised --seed 3",
            "images --masks out --model initialised --seed 0",
            "images --masks out --student --seed 3",
        ],
        "--temperature": ["images --masks out --student --temperature 1"],
        "--alpha": ["clip.avi --masks out --alpha", "images --masks out --alpha"],
        "--audio": ["clip.avi --masks out --audio", "clip.avi --masks out --no-audio", "images --out out --no-audio"],
        "--background": ["clip.avi --masks out --background blur", "images --masks out --background mask"],
        "--uncertainty": [
            "clip.avi --masks out --uncertainty maps",
            "images --masks out --uncertainty maps --refine none",
            "images --masks out --uncertainty maps --student",
        ],
        "--boxes": ["clip.avi --masks out --boxes", "clip.avi --out out.avi --background green --boxes"],
        "--events": ["images --masks out --events events.jsonl"],
        "--threshold": [
            "clip.avi --masks out --soft --threshold 0.4",
            "images --masks out --soft --threshold 0.4",
            "images --uncertainty maps --threshold 0.4",
        ],
        "--steps": ["clip.avi --masks out --steps 3 --fps 10", "clip.avi --masks out --student --steps 3"],
        "--fps": [
            "clip.avi --masks out --steps 3 --fps 10",
            "photo.png --masks out --fps 10",
            "images --masks out --fps 9",
        ],
        "--raw": ["clip.avi --masks out --raw 4x2", "images --masks out --raw 4x2@25"],
        "--serve": ["photo.png --masks out --serve 0", "images --masks out --serve 0"],
        "--token": ["clip.avi --masks out --token secret-token"],
        "--vcam": ["photo.png --masks out --vcam", "images --masks out --vcam"],
        "--resume": ["clip.avi --masks out --resume"],
        "--learn": ["clip.avi --masks out --learn 1m --model toy-bundle"],
        "--keep": ["clip.avi --masks out --keep kept"],
        "--threads": ["clip.avi --masks out --engine tensorrt --threads 1"],
        "--adapt": ["clip.avi --masks out --adapt light", "images --masks out --adapt light"],
        "--absorb": ["clip.avi --masks out --absorb 90s", "clip.avi --masks out --adapt light --absorb never"],
    },
    "batch": {
        "--from-noise": ["images --masks out --model toy-bundle --from-noise"],
        "--seed": ["images --masks out --model initialised --seed 3"],
        "--refine": ["clips --masks out --model toy-bundle --refine cut"],
    },
    "train": {
        "--preset": ["images --out run --resume --preset edge-32"],
        "--protocol": [
            "images --out run --resume --protocol released",
            "images --out out --protocol released",
            "images --out out --preset edge-32 --protocol paper",
        ],
        "--set": ["images --out run --resume --set model.image_size=8"],
        "--skip-unreadable": [
            "tm-dsprites:4 --out out --skip-unreadable",
            "images --out run --student --skip-unreadable",
        ],
        "--iterations": ["images --out run --student --iterations 3"],
        "--resume": ["images --out run --student --resume"],
        "--profile": ["images --out run --student --profile"],
        "--student": ["clip.avi --out run --student", "images --out none --student"],
    },
    "eval": {
        "--truth": ["labelled clip.avi --baseline constant --truth labelled/masks"],
        "--gallery": ["labelled --baseline constant --gallery out", "labelled --model labelled/masks --gallery out"],
        "--student": ["labelled --baseline constant --student", "labelled --model toy-bundle --student"],
        "--steps": ["labelled --baseline constant --steps 3", "labelled --model labelled/masks --steps 3"],
        "--skip": ["labelled --baseline constant --skip 3"],
        "--seed": [
            "labelled --baseline constant --seed 3",
            "labelled --model labelled/masks --seed 3",
            "labelled --model initialised --seed 3",
        ],
        "--temperature": ["labelled --baseline constant --temperature 1"],
        "--from-noise": ["labelled --baseline constant --from-noise", "labelled --model toy-bundle --from-noise"],
        "--batch": ["labelled --baseline constant --batch 4", "labelled --model toy-bundle --batch 4"],
        "--device": ["labelled --baseline constant --device cpu", "labelled --model toy-bundle --device cpu"],
        "--refine": [
            "labelled --baseline constant --refine cut",
            "labelled --model labelled/masks --refine cut",
            "clip.avi --model toy-bundle --refine none",
        ],
        "--overwrite": ["labelled --baseline constant --overwrite"],
        "--chains": ["labelled --baseline constant --chains", "labelled --model toy-bundle --chains"],
    },
    "ablate": {
        "--preset": ["labelled --out ablation --resume --preset edge-32"],
        "--set": ["labelled --out ablation --resume --set train.batch_size=2"],
    },
    "data convert": {
        "--truth": ["cub images out --truth labelled/masks"],
        "--margin": ["clevr6 images out --margin 0.1"],
        "--largest": ["dogs images out --largest 0.9"],
        "--protocol": ["dogs images out --protocol released", "cub images out --protocol released --margin 0.1"],
        "--split": ["dogs images out --split table3"],
        "--exclude": ["clevr6 images out --exclude names.txt"],
        "--skip-unreadable": ["clevr6 images out --skip-unreadable"],
    },
    "export": {
        "--out": ["toy-bundle --trt --out out"],
        "--name": ["toy-bundle --trt --name mine"],
        "--torchscript": ["toy-bundle --trt --torchscript"],
        "--precision": ["toy-bundle --trt --precision fp32,fp16"],
        "--graphs": ["toy-bundle --trt --graphs all"],
        "--overwrite": ["toy-bundle --trt --overwrite"],
        "--details": ["toy-bundle --trt --details", "run --out out --json --details"],
    },
    "compare": {"--set": ["run --set train.batch_size=2"]},
}
"""For each command its other options, each with calls in which it has no effect; ``workplace`` has the files they name."""

ENTRIES = [
    pytest.param(name, option, call, id=f"{option} in {name} {call}")
    for name, options in REFUSED.items()
    for option, calls in options.items()
    for call in calls
]


@pytest.fixture
def workplace(toy_bundle: Path, initialised_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder of a call.

    It holds ``toy-bundle``, ``initialised`` (a bundle with an initialiser), ``clip.avi``, ``photo.png``, a folder ``images``, a
    folder ``clips``, a folder ``labelled`` with masks, an ``ablation`` that was begun, and ``run``, where training was begun.
    """
    folder = toy_bundle.parent
    assert initialised_bundle == folder / "initialised"
    image = np.full((32, 48, 3), 20, np.uint8)
    image[:, :24] = 230
    write_video(folder / "clip.avi", [image] * 3)
    for name in ("clips", "images", "labelled/images", "labelled/masks", "ablation", "run"):
        (folder / name).mkdir(parents=True)
    write_video(folder / "clips" / "clip.avi", [image] * 3)
    for name in ("photo.png", "images/a.png", "images/b.png", "labelled/images/a.png"):
        cv2.imwrite(str(folder / name), image)
    cv2.imwrite(str(folder / "labelled" / "masks" / "a.png"), np.where(image[..., 0] > 100, 255, 0).astype(np.uint8))
    plan = {"source": "labelled", "names": ["full"], "seeds": [0], "preset": None, "overrides": []}
    (folder / "ablation" / "plan.json").write_text(json.dumps({**plan, "iterations": 1, "minutes": None}))
    monkeypatch.chdir(folder)
    monkeypatch.delenv("DRC_TOKEN", raising=False)
    return folder


def contents(folder: Path) -> dict[Path, tuple[int, int]]:
    """Size and time of every file, so that nothing is added or touched unseen."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def options_of(name: str) -> Iterator[Any]:
    """The options of a command but for ``--help``."""
    for parameter in load_command(name).params:
        if parameter.param_type_name == "option" and parameter.name != "help":
            yield parameter


def test_the_tables_know_every_command() -> None:
    assert set(ALWAYS) | set(REFUSED) == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_in_one_table(name: str) -> None:
    always, refused = set(ALWAYS.get(name, {})), set(REFUSED.get(name, {}))
    assert not always & refused
    assert {option.opts[0] for option in options_of(name)} == always | refused


@pytest.mark.parametrize(("name", "option", "call"), ENTRIES)
def test_an_option_without_effect_is_refused_before_anything_is_done(
    drc: Drc, workplace: Path, name: str, option: str, call: str
) -> None:
    spellings = next((it.opts + it.secondary_opts for it in options_of(name) if it.opts[0] == option), [])
    assert any(word in spellings for word in call.split()), f"{call} does not use {option}"
    before = contents(workplace)
    given = ["--no-display"] if name == "run" else []
    given += ["--model", "toy-bundle"] if name == "run" and "--model" not in call else []
    code, out, err = drc(*name.split(), *call.split(), *given)
    assert (code, out) == (2, ""), err
    assert err.startswith("drc: ") and err.count("\n") == 1
    assert any(spelling in err for spelling in spellings), err
    assert contents(workplace) == before
