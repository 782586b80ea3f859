"""Bundles: read and checked, or refused with the reason; written atomically."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drc_runtime.bundle import bundle as bundle_module
from drc_runtime.bundle.bundle import Bundle, write_bundle
from drc_runtime.bundle.manifest import GraphEntry, LatentSizes, Manifest, Sampler
from drc_runtime.errors import BundleError, DRCError, OutputError


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_round_trip(toy_bundle: Path, toy_graph: bytes) -> None:
    bundle = Bundle.load(toy_bundle)
    assert bundle.graph_bytes("posterior_step") == toy_graph
    manifest = bundle.manifest
    assert manifest.image_size == (8, 12)
    assert manifest.latent == LatentSizes(2, 1, 1) and manifest.latent.total == 4
    assert manifest.sampler == Sampler(step_size=0.1, sigma=1.0, cold_steps=6, track_steps=2)
    assert manifest.graphs["posterior_step"].inputs["image"] == (1, 3, 8, 12)
    assert Manifest.parse(manifest.to_json()) == manifest
    assert "likelihood" not in json.loads(manifest.to_json())["sampler"]  # so that older readers read it
    gaussian = replace(manifest, sampler=replace(manifest.sampler, likelihood="gaussian"))
    assert Manifest.parse(gaussian.to_json()) == gaussian
    assert "foreground_slots" not in json.loads(manifest.to_json())["latent"]
    slots = replace(manifest, latent=LatentSizes(2, 1, 1, foreground_slots=2))
    assert Manifest.parse(slots.to_json()) == slots
    with pytest.raises(BundleError, match="no graph 'render'; it has posterior_step"):
        bundle.graph_bytes("render")


def test_a_change_after_loading_is_not_seen(toy_bundle: Path, toy_graph: bytes) -> None:
    bundle = Bundle.load(toy_bundle)
    (toy_bundle / "posterior_step.onnx").write_bytes(b"something else")
    assert bundle.graph_bytes("posterior_step") == toy_graph


def test_one_changed_byte_is_noticed(toy_bundle: Path) -> None:
    path = toy_bundle / "posterior_step.onnx"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match=r"posterior_step\.onnx is not the file that the manifest describes"):
        Bundle.load(toy_bundle)


def test_a_graph_that_reaches_outside_is_refused_though_its_hash_is_right(toy_bundle: Path) -> None:
    data = bytes([8 << 3 | 2, 6, 1 << 3 | 2, 4]) + b"evil"  # an opset import of the domain "evil"
    (toy_bundle / "posterior_step.onnx").write_bytes(data)
    digest = GraphEntry.of("posterior_step.onnx", data, {}, {}).sha256
    edit(toy_bundle, lambda values: values["graphs"]["posterior_step"].update(sha256=digest))
    with pytest.raises(BundleError, match="operator domain 'evil'"):
        Bundle.load(toy_bundle)


def test_missing_pieces_are_named(toy_bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no bundle at"):
        Bundle.load(tmp_path / "nowhere")
    with pytest.raises(BundleError, match="no bundle at.*scene, sprites, fixed-camera are the names"):
        Bundle.load(tmp_path)
    (tmp_path / "posterior_step.onnx").touch()
    with pytest.raises(BundleError, match=r"manifest\.json is missing"):
        Bundle.load(tmp_path)
    (tmp_path / "checkpoint.json").touch()
    with pytest.raises(
        BundleError, match=f"is a run of drc train, not a bundle; .*: drc export {tmp_path} --out BUNDLE"
    ):
        Bundle.load(tmp_path)
    with pytest.raises(
        BundleError, match="manifest.json is a file of a bundle; name the bundle, its folder: .*toy-bundle"
    ):
        Bundle.load(toy_bundle / "manifest.json")
    (toy_bundle / "posterior_step.onnx").unlink()
    with pytest.raises(BundleError, match=r"posterior_step\.onnx is missing"):
        Bundle.load(toy_bundle)


@pytest.mark.parametrize("file", ["posterior_step.onnx", "manifest.json"])
@pytest.mark.parametrize(
    "target", ["../outside", "inside", "missing", "posterior_step.onnx", "manifest.json", "/dev/zero"]
)
def test_links_are_refused_wherever_they_lead(toy_bundle: Path, file: str, target: str) -> None:
    path = toy_bundle / file
    if target in ("../outside", "inside"):
        path.rename(toy_bundle / target)
    else:
        path.unlink()
    path.symlink_to(target)
    with pytest.raises(BundleError, match=f"{file} is a link; copy the file itself into the folder"):
        Bundle.load(toy_bundle)


def test_what_is_no_file_is_refused_and_not_waited_for(toy_bundle: Path) -> None:
    graph = toy_bundle / "posterior_step.onnx"
    graph.unlink()
    graph.mkdir()
    with pytest.raises(BundleError, match="is not a file"):
        Bundle.load(toy_bundle)
    graph.rmdir()
    os.mkfifo(graph)
    with pytest.raises(BundleError, match="is not a file"):
        Bundle.load(toy_bundle)


def test_a_bundle_may_itself_be_a_link(toy_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(toy_bundle)
    assert Bundle.load(tmp_path / "current").manifest.name == "toy"


def test_files_too_large_are_not_read(toy_bundle: Path) -> None:
    with open(toy_bundle / "posterior_step.onnx", "wb") as graph:
        graph.truncate(1 << 31)  # a sparse file
    with pytest.raises(BundleError, match="larger than"):
        Bundle.load(toy_bundle)


def test_all_graphs_together_have_a_limit(toy_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (toy_bundle / "posterior_step.onnx").stat().st_size
    edit(toy_bundle, lambda it: it["graphs"].update(other=it["graphs"]["posterior_step"] | {"file": "other.onnx"}))
    (toy_bundle / "other.onnx").write_bytes((toy_bundle / "posterior_step.onnx").read_bytes())
    monkeypatch.setattr(bundle_module, "_LARGEST_GRAPH", 2 * size)
    Bundle.load(toy_bundle)
    monkeypatch.setattr(bundle_module, "_LARGEST_GRAPH", 2 * size - 1)
    with pytest.raises(BundleError, match=rf"larger than the {size - 1} bytes"):
        Bundle.load(toy_bundle)


def test_an_existing_folder_is_not_replaced(toy_bundle: Path, toy_graph: bytes, tmp_path: Path) -> None:
    manifest = Bundle.load(toy_bundle).manifest
    with pytest.raises(OutputError, match="exists already"):
        write_bundle(toy_bundle, manifest, {"posterior_step": toy_graph})
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="is not a bundle"):
        write_bundle(precious, manifest, {"posterior_step": toy_graph}, overwrite=True)
    assert (precious / "thesis.txt").read_text() == "years of work"
    with pytest.raises(OutputError, match="cannot write"):
        write_bundle(tmp_path / "no" / "parent", manifest, {"posterior_step": toy_graph})


def test_overwriting_replaces_the_whole_bundle(toy_bundle: Path, toy_graph: bytes) -> None:
    manifest = replace(Bundle.load(toy_bundle).manifest, name="second")
    (toy_bundle / "posterior_step.engine").write_bytes(b"of drc export --trt")
    write_bundle(toy_bundle, manifest, {"posterior_step": toy_graph}, overwrite=True)
    assert Bundle.load(toy_bundle).manifest.name == "second"
    assert sorted(os.listdir(toy_bundle)) == ["manifest.json", "posterior_step.onnx"]
    assert os.listdir(toy_bundle.parent) == [toy_bundle.name]


@pytest.mark.parametrize(("mask", "folder", "file"), [(0o002, 0o775, 0o664), (0o077, 0o700, 0o600)])
def test_permissions_are_those_of_any_new_file(
    toy_bundle: Path, toy_graph: bytes, tmp_path: Path, mask: int, folder: int, file: int
) -> None:
    before = os.umask(mask)
    try:
        write_bundle(tmp_path / "new", Bundle.load(toy_bundle).manifest, {"posterior_step": toy_graph})
    finally:
        os.umask(before)
    found = [path.stat().st_mode & 0o777 for path in (tmp_path / "new", *(tmp_path / "new").iterdir())]
    assert found == [folder, file, file]


@pytest.mark.parametrize("change", ["manifest of something else", "a file", "a folder", "a link", "another graph"])
def test_a_folder_with_files_of_a_user_is_not_overwritten(toy_bundle: Path, toy_graph: bytes, change: str) -> None:
    manifest = Bundle.load(toy_bundle).manifest
    if change == "manifest of something else":
        (toy_bundle / "manifest.json").write_text('{"name": "my web app", "start_url": "."}')
    elif change == "a file":
        (toy_bundle / "notes.txt").write_text("mine")
    elif change == "a folder":
        (toy_bundle / ".git").mkdir()
    elif change == "a link":
        (toy_bundle / "posterior_step.engine").symlink_to(toy_bundle / "manifest.json")
    else:
        (toy_bundle / "posterior_step.onnx").write_bytes(b"mine")
    before = sorted((path, path.lstat().st_mtime_ns) for path in toy_bundle.rglob("*"))
    with pytest.raises(OutputError, match="so it is not overwritten"):
        write_bundle(toy_bundle, manifest, {"posterior_step": toy_graph}, overwrite=True)
    assert sorted((path, path.lstat().st_mtime_ns) for path in toy_bundle.rglob("*")) == before


@pytest.mark.parametrize("failing", ["write_synced", "check_model", "second rename"])
def test_a_failed_write_leaves_what_was_there(
    toy_bundle: Path, toy_graph: bytes, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    manifest = Bundle.load(toy_bundle).manifest
    rename, calls = os.rename, []

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    def fail_second(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 2:
            fail()
        rename(source, target)

    with monkeypatch.context() as patch:
        if failing == "second rename":
            patch.setattr(os, "rename", fail_second)
        else:
            patch.setattr(bundle_module, failing, fail)
        with pytest.raises(OutputError, match="No space left on device"):
            write_bundle(toy_bundle, replace(manifest, name="new"), {"posterior_step": toy_graph}, overwrite=True)
    assert Bundle.load(toy_bundle).manifest == manifest
    assert os.listdir(toy_bundle.parent) == [toy_bundle.name]


def test_manifest_and_graphs_must_agree(toy_bundle: Path, toy_graph: bytes, tmp_path: Path) -> None:
    manifest = Bundle.load(toy_bundle).manifest
    for graphs in ({}, {"posterior_step": toy_graph + b"\x08\x01"}):
        with pytest.raises(DRCError):
            write_bundle(tmp_path / "new", manifest, graphs)
    with pytest.raises(BundleError, match="not finite"):
        write_bundle(tmp_path / "new", replace(manifest, metrics={"iou": float("nan")}), {"posterior_step": toy_graph})
    assert os.listdir(tmp_path) == [toy_bundle.name]
