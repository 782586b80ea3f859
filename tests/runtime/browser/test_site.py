"""What ``drc web`` writes, and what it does not write over."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from drc_runtime.browser import onnxruntime_web as package
from drc_runtime.browser import site as sites
from drc_runtime.browser.site import INVENTORY, write_site
from drc_runtime.bundle.info import inspect_bundle
from drc_runtime.errors import BundleError, DRCError, MissingDependencyError, OutputError, UsageError

Drc = Callable[..., tuple[int, str, str]]
FAKE = {"ort.wasm.min.mjs": b"export {};", "LICENSE": package.LICENSE.encode()}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "onnxruntime_web", lambda archive: FAKE)


def test_the_folder_is_complete_and_its_bundle_intact(toy_bundle: Path, tmp_path: Path) -> None:
    report = write_site(toy_bundle, tmp_path / "site")
    names = {
        path.relative_to(tmp_path / "site").as_posix() for path in (tmp_path / "site").rglob("*") if path.is_file()
    }
    assert names == set(report.bytes)
    page = {"index.html", "page.js", "page.css", "look.css", "icon.svg", "worker.js", "drc.js", "views.js", "_headers"}
    assert page | {"bundle/manifest.json", "onnxruntime-web/LICENSE", INVENTORY} <= names
    assert inspect_bundle(tmp_path / "site" / "bundle").intact
    assert "clip.mp4" not in names


def test_a_sample_brings_its_clip(tmp_path: Path) -> None:
    report = write_site("scene", tmp_path / "site")
    assert report.bytes["clip.mp4"] > 10_000
    info = inspect_bundle(tmp_path / "site" / "bundle")
    assert info.intact and [graph.name for graph in info.graphs] == ["posterior_step"], "only what the page runs"


def test_only_its_own_folder_is_replaced(toy_bundle: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    write_site(toy_bundle, site)
    with pytest.raises(OutputError, match="--overwrite"):
        write_site(toy_bundle, site)
    write_site(toy_bundle, site, overwrite=True)
    (site / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="mine.txt"):
        write_site(toy_bundle, site, overwrite=True)
    (site / "mine.txt").unlink()
    (site / "page.js").write_text("changed")
    with pytest.raises(OutputError, match="page.js"):
        write_site(toy_bundle, site, overwrite=True)
    assert (site / "page.js").read_text() == "changed"


@pytest.mark.parametrize("inventory", ["", "[]", '{"files": 3}', '{"files": null}', "{}"])
def test_a_folder_without_a_list_of_its_files_is_not_replaced(toy_bundle: Path, tmp_path: Path, inventory: str) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "a.txt").write_text("mine")
    (site / INVENTORY).write_text(inventory)
    with pytest.raises(OutputError, match="is not overwritten"):
        write_site(toy_bundle, site, overwrite=True)
    assert (site / "a.txt").read_text() == "mine"


def test_a_damaged_bundle_writes_nothing(toy_bundle: Path, tmp_path: Path) -> None:
    (toy_bundle / "posterior_step.onnx").write_bytes(b"changed")
    with pytest.raises(BundleError):
        write_site(toy_bundle, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_failed_write_leaves_the_earlier_folder(
    toy_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    write_site(toy_bundle, site)
    before = {path.name: path.stat().st_mtime_ns for path in site.iterdir()}

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        write_site(toy_bundle, site, overwrite=True)
    assert {path.name: path.stat().st_mtime_ns for path in site.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"site", toy_bundle.name}


def test_the_command(drc: Drc, toy_bundle: Path, tmp_path: Path) -> None:
    code, out, _ = drc("web", str(toy_bundle), str(tmp_path / "site"), "--json")
    assert code == 0 and json.loads(out)["name"] == "toy"
    code, _, error = drc("web", str(toy_bundle), str(tmp_path / "site"))
    assert code == 1 and "--overwrite" in error
    assert "http.server" in drc("web", str(toy_bundle), str(tmp_path / "other"))[1]


def test_another_package_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="npm pack"):
        package.onnxruntime_web(tmp_path / "missing.tgz")
    (tmp_path / "other.tgz").write_bytes(b"other")
    with pytest.raises(UsageError, match=package.VERSION):
        package.onnxruntime_web(tmp_path / "other.tgz")


def test_without_npm_the_way_out_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(MissingDependencyError, match="--onnxruntime-web"):
        package.onnxruntime_web()


def test_what_npm_fetched_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\necho other > "$4/{package.ARCHIVE}"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", lambda name: str(npm))
    with pytest.raises(DRCError, match="pinned"):
        package.onnxruntime_web()
    assert not package.kept_archive().exists()
