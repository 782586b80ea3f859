"""Batches on Ray: nothing lost, nothing written twice, what cannot be read named."""

import logging
import os
import pickle
import signal
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drc_runtime.errors import BundleError, MissingDependencyError, SourceError, UsageError
from drc_runtime.pipeline import batch as module
from drc_runtime.pipeline import batch_actor as actor_module
from drc_runtime.pipeline.batch import list_items, run_batch
from drc_runtime.pipeline.batch_actor import ExtractionActor
from drc_runtime.pipeline.options import ModelOptions
from drc_runtime.pipeline.resume import Job
from tests.videos import write_video


def write_images(folder: Path, count: int) -> Path:
    folder.mkdir()
    for index in range(count):
        image = np.full((8, 12, 3), 255 if index % 2 else 0, np.uint8)
        cv2.imwrite(str(folder / f"{index:05d}.png"), image)
    return folder


def batch(items: list[tuple[Path, str]], masks: Path) -> dict[str, list[str]]:
    return {"path": [str(path) for path, _ in items], "target": [str(masks / target) for _, target in items]}


def test_an_actor_writes_each_item_once_and_names_what_it_cannot_read(tmp_path: Path, toy_bundle: Path) -> None:
    folder, masks = write_images(tmp_path / "images", 2), tmp_path / "masks"
    masks.mkdir()
    write_video(folder / "clip.avi", [np.full((48, 64, 3), 255, np.uint8)] * 3)
    (folder / "zero.jpg").write_bytes(b"")
    items = list_items(folder)
    assert [target for _, target in items] == ["00000.png", "00001.png", "clip", "zero.png"]
    actor = ExtractionActor(ModelOptions(toy_bundle, steps=2), soft=False, job=Job({}, resumed=True))
    result = actor(batch(items, masks))
    assert result["written"] == [True, True, True, False]
    assert result["failure"][:3] == ["", "", ""] and "zero.jpg" in result["failure"][3]
    shares = [cv2.imread(str(masks / f"0000{index}.png"), 0).mean() for index in range(2)]
    assert shares == [0, 255], "the toy model calls bright pixels foreground"
    assert sorted(path.name for path in (masks / "clip").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    assert [path.suffix for path in masks.glob(".*")] == [".jsonl"], "nothing half done stays"
    before = {path: path.stat().st_mtime_ns for path in masks.rglob("*")}
    assert actor(batch(items[:3], masks))["written"] == [False, False, False]
    assert before == {path: path.stat().st_mtime_ns for path in masks.rglob("*")}


def test_a_mask_does_not_depend_on_what_the_actor_did_before(tmp_path: Path, toy_bundle: Path) -> None:
    folder = write_images(tmp_path / "images", 2)
    items = list_items(folder)
    found = []
    for name, order in (("one", items), ("two", items[::-1])):
        (tmp_path / name).mkdir()
        ExtractionActor(ModelOptions(toy_bundle, steps=2), soft=True, job=Job({}, resumed=True))(
            batch(order, tmp_path / name)
        )
        found.append([(tmp_path / name / target).read_bytes() for _, target in items])
    assert found[0] == found[1]


def test_what_cannot_be_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match="not a folder"):
        list_items(tmp_path / "missing")
    with pytest.raises(SourceError, match="no images or videos"):
        list_items(tmp_path)
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(UsageError, match="a.jpg and a.png would both become a.png"):
        list_items(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"^drc batch needs ray.*\[ray\]"):
        run_batch(str(tmp_path), tmp_path / "masks")


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Runs the actors in this process; gets the number of items of each batch."""
    batches: list[int] = []

    def results(ray: object, items: list[dict[str, str]], arguments: dict[str, Any], workers: int | None) -> Any:
        batches.append(len(items))
        rows = {key: [item[key] for item in items] for key in ("path", "target")}
        found = ExtractionActor(**pickle.loads(pickle.dumps(arguments)))(rows)
        for failure, written in zip(found["failure"], found["written"], strict=True):
            yield {"failure": failure, "written": written}

    monkeypatch.setattr(module, "require", lambda *_, **__: None)
    monkeypatch.setattr(module, "_cluster", lambda *_: nullcontext())
    monkeypatch.setattr(module, "_results", results)
    return batches


def test_a_batch_does_again_what_is_not_whole(tmp_path: Path, toy_bundle: Path, without_ray: list[int]) -> None:
    folder, masks = write_images(tmp_path / "images", 4), tmp_path / "masks"
    write_video(folder / "clip.avi", [np.full((48, 64, 3), 255, np.uint8)] * 3)

    def again(**options: Any) -> tuple[int, int]:
        report = run_batch(str(folder), masks, model=ModelOptions(toy_bundle, steps=2), **options)
        assert report.failures == []
        return report.written, report.present

    assert again() == (5, 0) and again() == (0, 5)
    whole = {path: path.read_bytes() for path in masks.rglob("*.png")}
    (masks / "00000.png").write_bytes(b"")
    (masks / "00001.png").write_bytes(whole[masks / "00001.png"][:-30])
    (masks / "clip" / "00001.png").unlink()
    assert again() == (3, 2)
    assert {path: path.read_bytes() for path in masks.rglob("*.png")} == whole
    (masks / "clip" / "00002.png").write_bytes(b"")
    write_images(tmp_path / "others", 4)
    os.replace(tmp_path / "others" / "00001.png", folder / "00002.png")
    assert again() == (2, 3)
    assert sorted(path.name for path in masks.iterdir() if not path.name.startswith(".")) == [
        "00000.png", "00001.png", "00002.png", "00003.png", "clip",
    ]  # fmt: skip
    assert not list(masks.glob(".*.part*"))


def test_what_a_batch_refuses_before_it_begins(tmp_path: Path, toy_bundle: Path, without_ray: list[int]) -> None:
    folder, masks = write_images(tmp_path / "images", 2), tmp_path / "masks"
    model = ModelOptions(toy_bundle, steps=2)
    run_batch(str(folder), masks, model=model)
    for changes, message in (({"steps": 3}, "steps"), ({"seed": 1}, "seed"), ({"mask": "mixture"}, "mask")):
        with pytest.raises(UsageError, match=f"drc batch: .*masks was made with another {message}"):
            run_batch(str(folder), masks, model=replace(model, **changes))
    with pytest.raises(UsageError, match="made with another soft"):
        run_batch(str(folder), masks, model=model, soft=True)
    with pytest.raises(BundleError, match="no bundle at"):
        run_batch(str(folder), masks, model=ModelOptions(tmp_path / "missing", steps=2))
    with pytest.raises(UsageError, match="is where the images are read from"):
        run_batch(str(folder), folder, model=model)
    cv2.imwrite(str(masks / "00001.png"), np.zeros((8, 12), np.uint8))
    with pytest.raises(UsageError, match="00001.png was not written by drc"):
        run_batch(str(folder), masks, model=model)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "00001.png").write_bytes(b"mine")
    with pytest.raises(UsageError, match="does not say how its results were made"):
        run_batch(str(folder), tmp_path / "mine", model=model)
    manifest = toy_bundle / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"toy"', '"other"'))
    with pytest.raises(UsageError, match="made with another bundle"):
        run_batch(str(folder), masks, model=model)
    assert without_ray == [2]


def test_two_workers_on_one_video_give_one_result(tmp_path: Path, toy_bundle: Path, monkeypatch) -> None:
    folder, masks = tmp_path / "images", tmp_path / "masks"
    folder.mkdir()
    masks.mkdir()
    write_video(folder / "clip.avi", [np.full((48, 64, 3), 255, np.uint8)] * 3)
    items = batch(list_items(folder), masks)
    first, second = (
        ExtractionActor(ModelOptions(toy_bundle, steps=2), soft=False, job=Job({}, resumed=True)) for _ in range(2)
    )
    real, found = actor_module.publish, []

    def overtaken(stage: Path, target: Path) -> None:
        if not found:
            found.append(1)
            found.append(second(items))
        real(stage, target)

    monkeypatch.setattr(actor_module, "publish", overtaken)
    assert first(items) == {"failure": [""], "written": [False]}
    assert found[1] == {"failure": [""], "written": [True]}
    assert len(list((masks / "clip").glob("*.png"))) == 3 and not list(masks.glob(".*.part*"))


def test_images_are_refined_and_videos_are_not(tmp_path: Path, toy_bundle: Path, without_ray: list[int]) -> None:
    picture = np.random.default_rng(0).integers(0, 50, (48, 64, 3), np.uint8)
    picture[10:38, 16:48] += np.linspace(205, 90, 32).astype(np.uint8)[:, None]
    folder = tmp_path / "images"
    folder.mkdir()
    cv2.imwrite(str(folder / "a.png"), picture)
    write_video(folder / "clip.avi", [picture] * 2)
    found = {}
    for name in ("none", "cut"):
        run_batch(str(folder), tmp_path / name, model=ModelOptions(toy_bundle, steps=2, refine=name))
        found[name] = [cv2.imread(str(tmp_path / name / it), 0) for it in ("a.png", "clip/00001.png")]
    shares = {name: [int((mask > 0).sum()) for mask in masks] for name, masks in found.items()}
    assert shares["none"][0] < 800 < shares["cut"][0] <= 28 * 32
    np.testing.assert_array_equal(found["none"][1], found["cut"][1])
    (folder / "a.png").unlink()
    with pytest.raises(UsageError, match="--refine is for images, and .* has only videos"):
        run_batch(str(folder), tmp_path / "other", model=ModelOptions(toy_bundle, refine="cut"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ModelOptions(rate=25)}, "--fps has no effect in drc batch"),
        ({"model": ModelOptions(threads=2)}, "--threads has no effect in drc batch"),
        ({"workers": 0}, "--workers 0"),
    ],
)
def test_options_without_effect_are_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        run_batch(str(tmp_path), tmp_path / "masks", **options)
    assert not (tmp_path / "masks").exists()


def workers_of_this_test() -> list[int]:
    """Process ids of Ray's actors below this process."""
    parents, actors = {}, []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                title = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::") and (b"MapWorker" in title or b"ExtractionActor" in title):
                actors.append(int(entry.name))

    def below(pid: int) -> bool:
        while pid > 1:
            pid = parents.get(pid, 0)
            if pid == os.getpid():
                return True
        return False

    return [pid for pid in actors if below(pid)]


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_written_twice(tmp_path: Path, toy_bundle: Path) -> None:
    ray = pytest.importorskip("ray")
    folder, masks = write_images(tmp_path / "images", 2000), tmp_path / "masks"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    killed: list[int] = []
    there: dict[Path, int] = {}

    def kill() -> None:
        while len(list(masks.glob("*.png"))) < 300:
            time.sleep(0.02)
        killed.extend(workers_of_this_test()[:1])
        os.kill(killed[0], signal.SIGKILL)
        there.update({path: path.stat().st_mtime_ns for path in masks.glob("0*.png")})

    thread = threading.Thread(target=kill)
    try:
        masks.mkdir()
        thread.start()
        model = ModelOptions(toy_bundle, steps=2)
        report = run_batch(str(folder), masks, model=model, workers=2)
        thread.join(30)
        assert killed and 300 <= len(there) < 2000, "the worker has to go midway"
        assert (report.items, report.written + report.present, report.failures) == (2000, 2000, [])
        found = sorted(masks.iterdir())
        assert [path.name for path in found if not path.name.startswith(".")] == [f"{it:05d}.png" for it in range(2000)]
        assert all(cv2.imread(str(path), 0).mean() == 255 * (int(path.stem) % 2) for path in found[-2000:])
        assert all(path.stat().st_mtime_ns == written for path, written in there.items())
        (masks / "00007.png").unlink()
        again = run_batch(str(folder), masks, model=model, workers=2)
        assert (again.written, again.present) == (1, 1999)
    finally:
        ray.shutdown()


def test_images_by_another_name_are_items_and_those_not_read_are_named(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "1.jpg"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "1.jpg").rename(tmp_path / "1.jfif")
    (tmp_path / "2.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    assert [target for _, target in list_items(tmp_path)] == ["1.png", "2.png"]
