"""Options that have no effect are refused."""

from pathlib import Path

import pytest

from drc_runtime.errors import UsageError
from drc_train.evaluation.options import EvaluationOptions, check_options


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoint.json").write_text("{}")
    return tmp_path / "run"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "manifest.json").write_text("{}")
    return tmp_path / "bundle"


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "a.png").write_bytes(b"")
    return tmp_path / "masks"


IMAGES, CLIP = "tm-dsprites", "scene"


def test_options_with_an_effect(run: Path, bundle: Path, masks: Path) -> None:
    every = EvaluationOptions(truth=Path("t"), steps=3, skip=2, seed=0, size=64, gallery=Path("g"))
    check_options(every, [bundle], [CLIP], [])
    check_options(every, [run], [CLIP], ["mog2"])
    check_options(EvaluationOptions(chains=True, gallery=Path("g"), seed=1, refine="cut"), [run], [IMAGES], [])
    check_options(EvaluationOptions(refine="cut"), [bundle], [IMAGES, CLIP], [])
    check_options(EvaluationOptions(steps=3, seed=1, skip=5), [bundle, masks], [IMAGES, CLIP], ["constant"])
    check_options(EvaluationOptions(truth=Path("t"), size=32), [], [IMAGES], ["grabcut"])


@pytest.mark.parametrize(
    ("options", "models", "data", "message"),
    [
        (EvaluationOptions(), "b", [], "nothing to measure on: give DATA"),
        (EvaluationOptions(), "", [IMAGES], "nothing to measure: give a run, a bundle or a folder of masks"),
        (EvaluationOptions(truth=Path("t")), "b", [IMAGES, CLIP], "--truth takes one model and one set"),
        (EvaluationOptions(truth=Path("t")), "br", [IMAGES], "--truth takes one model and one set"),
        (EvaluationOptions(chains=True), "rr", [IMAGES], "--chains takes one model and one set"),
        (EvaluationOptions(gallery=Path("g")), "b", [IMAGES, CLIP], "--gallery takes one model and one set"),
        (EvaluationOptions(chains=True), "b", [IMAGES], "--chains needs the run of drc train"),
        (EvaluationOptions(chains=True), "m", [IMAGES], "--chains needs the run of drc train"),
        (EvaluationOptions(gallery=Path("g")), "m", [IMAGES], "--gallery draws"),
        (EvaluationOptions(steps=3), "m", [IMAGES], "--steps has no effect"),
        (EvaluationOptions(steps=3, chains=True), "r", [IMAGES], "--steps has no effect"),
        (EvaluationOptions(seed=0), "m", [IMAGES], "--seed has no effect"),
        (EvaluationOptions(seed=0, chains=True), "r", [IMAGES], "--seed has no effect"),
        (EvaluationOptions(skip=0), "b", [IMAGES], "--skip has no effect"),
        (EvaluationOptions(refine="cut"), "m", [IMAGES], "--refine has no effect: no mask of a run"),
        (EvaluationOptions(refine="cut"), "b", [CLIP], "--refine has no effect: it is for images"),
        (EvaluationOptions(refine="crf"), "b", [IMAGES], "--refine crf: choose one of"),
    ],
)
def test_options_without_effect(
    options: EvaluationOptions,
    models: str,
    data: list[str],
    message: str,
    run: Path,
    bundle: Path,
    masks: Path,
) -> None:
    found = {"r": run, "b": bundle, "m": masks}
    with pytest.raises(UsageError, match=message):
        check_options(options, [found[model] for model in models], data, [])
