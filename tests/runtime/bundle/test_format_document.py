"""docs/bundle.md describes the format that the code reads: every key, tensor and shape."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from drc_runtime.bundle.golden import Golden, GoldenStep
from drc_runtime.bundle.manifest import (
    FORMAT,
    GRAPHS,
    FileEntry,
    GraphEntry,
    InitialChain,
    LatentSizes,
    Manifest,
    Sampler,
    Schedule,
)
from drc_runtime.engines.tensorrt_files import EngineRecord

DOCUMENT = (Path(__file__).parents[3] / "docs" / "bundle.md").read_text()


def section(heading: str) -> str:
    return DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def keys_of(text: str) -> set[str]:
    """The names in the first column of the section's tables."""
    return set(re.findall(r"^\| `([a-z0-9_.]+)` \|", text, re.MULTILINE))


def names(kind: type) -> set[str]:
    return {field.name for field in fields(kind)}


def test_the_keys_of_the_manifest_are_exactly_those_of_the_code() -> None:
    nested = {"latent": LatentSizes, "sampler": Sampler}
    optional = {
        "sampler.schedule": Schedule,
        "sampler.initial": InitialChain,
        "golden": Golden,
        "golden.first": GoldenStep,
    }
    keys = {f"{key}.{name}" for key, kind in (nested | optional).items() for name in names(kind)}
    keys -= {"golden.first", "golden.second"}  # one row for both
    assert keys_of(section("Manifest")) == {"format"} | (names(Manifest) - nested.keys()) | keys
    assert "`golden.first`, `golden.second`" in section("Manifest")
    assert f"`{FORMAT}`" in section("Manifest")


def test_the_keys_of_a_graph_and_the_graphs_are_exactly_those_of_the_code() -> None:
    assert keys_of(section("Graphs")) == names(GraphEntry) | GRAPHS.keys()
    assert names(FileEntry) == {"file", "sha256"}  # as the row of torchscript says


@pytest.mark.parametrize("graph", GRAPHS)
def test_the_tensors_of_a_graph_and_their_shapes_are_those_of_the_code(graph: str) -> None:
    row = re.search(rf"^\| `{graph}` \| (.+) \| (.+) \|$", section("Graphs"), re.MULTILINE)
    assert row is not None
    for cell, tensors in zip(row.groups(), GRAPHS[graph], strict=True):
        written = {name: axes.replace(", ", "") for name, axes in re.findall(r"`(\w+)` \(([^)]+)\)", cell)}
        assert written == tensors


def test_the_keys_of_an_engine_s_record_are_exactly_those_of_the_code() -> None:
    assert keys_of(section("TensorRT")) == names(EngineRecord)
