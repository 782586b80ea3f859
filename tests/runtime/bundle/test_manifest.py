"""Manifests: every key and value that is missing, wrong or out of bounds is named."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import Manifest, Schedule
from drc_runtime.errors import BundleError
from drc_runtime.samples import sample_bundle
from tests.conftest import toy_manifest


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def delete(*path: str) -> Callable[[dict[str, Any]], object]:
    def change(values: dict[str, Any]) -> None:
        for key in path[:-1]:
            values = values[key]
        del values[path[-1]]

    return change


def put(value: Any, *path: str) -> Callable[[dict[str, Any]], object]:
    def change(values: dict[str, Any]) -> None:
        for key in path[:-1]:
            values = values[key]
        values[path[-1]] = value

    return change


STEP = ("graphs", "posterior_step")
KEYS = [
    ("name",),
    ("format",),
    ("image_size",),
    ("latent",),
    ("latent", "foreground"),
    ("latent", "background"),
    ("latent", "reassignment"),
    ("sampler",),
    ("sampler", "step_size"),
    ("sampler", "sigma"),
    ("sampler", "cold_steps"),
    ("sampler", "track_steps"),
    ("graphs",),
    STEP,
    (*STEP, "file"),
    (*STEP, "sha256"),
    (*STEP, "inputs"),
    (*STEP, "inputs", "noise"),
    (*STEP, "outputs"),
    (*STEP, "outputs", "responsibility"),
    ("training",),
    ("metrics",),
]


@pytest.mark.parametrize("path", KEYS, ids=[".".join(path) for path in KEYS])
def test_every_missing_key_is_named(toy_bundle: Path, path: tuple[str, ...]) -> None:
    edit(toy_bundle, delete(*path))
    with pytest.raises(BundleError) as error:
        Bundle.load(toy_bundle)
    assert f"{'.'.join(path)} is missing" in str(error.value)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("name",), "two\nlines", "name must be one line"),
        (("image_size",), [8], r"image_size must be \[height, width\]"),
        (("image_size",), [8, 0], "image_size must be a list of whole numbers"),
        (("image_size",), [8, 10**9], "image_size must be a list of whole numbers"),
        (("latent", "foreground"), 0, "latent.foreground must be a whole number"),
        (("latent", "foreground"), True, "latent.foreground must be a whole number"),
        (("latent", "reassignment"), 9, r"graphs.posterior_step.inputs.z is \[1, 4\] but .* \[1, 12\]"),
        *(
            (("sampler", key), value, f"sampler.{key} must be a number from 1e-9 to 1e6")
            for key in ("step_size", "sigma", "foreground_spread")
            for value in (0, -1, "0.1", True, None, 1e-200, 1e-20, 9e8, 10**15)
        ),
        (
            ("image_size",),
            [16384, 16384],
            "image_size has more than 8 sizes, or makes a tensor of more than 67108864 numbers",
        ),
        ((*STEP, "inputs", "noise"), [1] * 9, "inputs.noise has more than 8 sizes"),
        (("sampler", "cold_steps"), 65537, "sampler.cold_steps must be a whole number"),
        (("training", "seed"), 10**26, "is not a finite number below 1e20"),
        (("metrics", "iou"), -1e30, "is not a finite number below 1e20"),
        (("name",), "x" * 1025, "name must be one line of text, of at most 1024 characters"),
        (("training", "data"), "x" * 4097, "training.data has more than 4096 characters"),
        (("training",), {str(index): 0 for index in range(65)}, "training has more than 64 members"),
        (("metrics",), {str(index): 0 for index in range(65)}, "metrics has more than 64 members"),
        (("metrics",), {"x" * 129: 0}, "a key is not one line of text, of at most 128 characters"),
        (("metrics",), {"deep": {"\x1b[2J": 0}}, "a key is not one line of text"),
        (("graphs",), {str(index): {} for index in range(65)}, "graphs has more than 64 members"),
        (("sampler", "sigma"), float("nan"), "not a finite number"),
        (
            ("sampler", "likelihood"),
            "cauchy",
            "sampler.likelihood is 'cauchy', but this version of drc knows laplace, gaussian",
        ),
        (("sampler", "likelihood"), None, "sampler.likelihood must be one line of text"),
        (("sampler", "cold_steps"), 2.5, "sampler.cold_steps must be a whole number"),
        (("graphs",), [], "graphs must be an object"),
        ((*STEP, "file"), "../graph.onnx", "posterior_step.file must be a plain file name"),
        ((*STEP, "file"), "/etc/passwd", "posterior_step.file must be a plain file name"),
        ((*STEP, "file"), "a\\b", "posterior_step.file must be a plain file name"),
        ((*STEP, "file"), "..", "posterior_step.file must be a plain file name"),
        ((*STEP, "sha256"), "abc", "posterior_step.sha256 must be 64"),
        ((*STEP, "inputs", "z"), [1, 5], r"inputs.z is \[1, 5\] but the sizes above make it \[1, 4\]"),
        ((*STEP, "inputs", "image"), [1, 3, 12, 8], "inputs.image is"),
        ((*STEP, "inputs", "noise"), [2, 4], "inputs.noise is"),
        ((*STEP, "inputs", "extra"), [1], "inputs.extra is not an input of version 1"),
        ((*STEP, "outputs", "mask"), [1, 8, 12], "outputs.mask is"),
        (("training", "data"), ["a"], "training.data must be text"),
    ],
)
def test_every_wrong_value_is_named(toy_bundle: Path, path: tuple[str, ...], value: Any, complaint: str) -> None:
    edit(toy_bundle, put(value, *path))
    with pytest.raises(BundleError, match=complaint):
        Bundle.load(toy_bundle)


@pytest.mark.parametrize("count", [1, 40])
def test_one_file_is_not_read_for_many_entries(toy_bundle: Path, count: int) -> None:
    def change(values: dict[str, Any]) -> None:
        entry = values["graphs"]["posterior_step"]
        values["graphs"] |= {
            f"g{index}": entry | ({"file": f"{index}.onnx"} if count > 1 else {}) for index in range(count)
        }

    edit(toy_bundle, change)
    with pytest.raises(BundleError, match="names more than 32 files, or one file twice"):
        Bundle.load(toy_bundle)


def test_another_version_has_its_own_message(toy_bundle: Path) -> None:
    edit(toy_bundle, put("drc-bundle-3", "format"))
    with pytest.raises(BundleError, match="has format 'drc-bundle-3' but this version of drc reads 'drc-bundle-1' and"):
        Bundle.load(toy_bundle)


@pytest.mark.parametrize(("version", "background"), [("drc-bundle-2", "generated"), ("drc-bundle-1", "input")])
def test_a_background_goes_with_its_format(toy_bundle: Path, version: str, background: str) -> None:
    edit(toy_bundle, put(version, "format"))
    edit(toy_bundle, put(background, "background"))
    with pytest.raises(BundleError, match="background does not go with format"):
        Bundle.load(toy_bundle)


def test_a_given_background_needs_its_tensors(toy_bundle: Path) -> None:
    edit(toy_bundle, put("drc-bundle-2", "format"))
    edit(toy_bundle, put("input", "background"))
    with pytest.raises(BundleError, match="posterior_step.inputs.background is missing"):
        Bundle.load(toy_bundle)


def test_the_bundled_model_of_any_fixed_camera_keeps_its_format() -> None:
    manifest = Bundle.load(sample_bundle("fixed-camera")).manifest
    assert manifest.background == "input" and Manifest.parse(manifest.to_json()) == manifest


def test_unknown_keys_and_graphs_are_ignored(toy_bundle: Path) -> None:
    edit(toy_bundle, put({"anything": 1}, "later"))
    edit(toy_bundle, put(0.5, "sampler", "temperature"))
    later = {"inputs": {}, "file": "later.onnx"}
    edit(toy_bundle, lambda values: values["graphs"].update(later=values["graphs"]["posterior_step"] | later))
    (toy_bundle / "later.onnx").write_bytes((toy_bundle / "posterior_step.onnx").read_bytes())
    assert set(Bundle.load(toy_bundle).manifest.graphs) == {"posterior_step", "later"}


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"format": ', '{"a": 1, "a": 2}', "[" * 100_000, '{"a": "\\ud800"}', '{"a": 1e999}']
)
def test_text_that_is_not_a_manifest_is_refused(text: str) -> None:
    with pytest.raises(BundleError, match=r"manifest\.json"):
        Manifest.parse(text)


def test_a_manifest_that_is_not_utf8_is_refused(toy_bundle: Path) -> None:
    (toy_bundle / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BundleError, match="not UTF-8"):
        Bundle.load(toy_bundle)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@given(st.sampled_from([path for path in KEYS if path != ("metrics",)]), json_values)
@settings(max_examples=300, deadline=None)
def test_any_value_anywhere_is_accepted_or_refused_by_name(path: tuple[str, ...], value: Any) -> None:
    image, plane = [1, 3, 8, 8], [1, 1, 8, 8]
    outputs = {"z_next": [1, 4], "log_posterior": [1], "mask": plane, "responsibility": plane}
    values = {
        "format": "drc-bundle-1",
        "name": "n",
        "image_size": [8, 8],
        "latent": {"foreground": 2, "background": 1, "reassignment": 1},
        "sampler": {"step_size": 0.1, "sigma": 0.3, "cold_steps": 3, "track_steps": 1},
        "graphs": {
            "posterior_step": {
                "file": "p.onnx",
                "sha256": "0" * 64,
                "inputs": {"z": [1, 4], "image": image, "noise": [1, 4]},
                "outputs": outputs | {"foreground": image, "background": image},
            }
        },
        "training": {},
        "metrics": {},
    }
    put(value, *path)(values)
    try:
        manifest = Manifest.parse(json.dumps(values))
    except BundleError:
        return
    assert Manifest.parse(manifest.to_json()) == manifest


def test_a_schedule_is_kept_and_left_out_where_there_is_none(toy_graph: bytes) -> None:
    plain = toy_manifest(toy_graph)
    assert "schedule" not in plain.to_json() and Manifest.parse(plain.to_json()).sampler.schedule is None
    annealed = replace(plain, sampler=replace(plain.sampler, schedule=Schedule(4, 0.1)))
    assert Manifest.parse(annealed.to_json()) == annealed


@pytest.mark.parametrize(
    "schedule", [{"start": 17, "end": 0.1}, {"start": 0.5, "end": 0}, {"start": 0.5}, {"start": True, "end": 1}]
)
def test_a_schedule_out_of_range_is_refused(toy_graph: bytes, schedule: dict[str, float]) -> None:
    values = json.loads(toy_manifest(toy_graph).to_json())
    values["sampler"]["schedule"] = schedule
    with pytest.raises(BundleError, match="sampler.schedule.(start|end)"):
        Manifest.parse(json.dumps(values))
