"""The golden steps: what they find, and that a right engine passes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.bundle.manifest import Manifest
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.engines.protocol import Array, BoundGraph
from drc_runtime.errors import EngineError
from drc_runtime.inference.golden import check_golden, golden_error, golden_inputs, record_golden


class Twisted:
    """The engine of a bundle, with a fault put on top of it."""

    def __init__(self, bundle: Bundle, fault: str) -> None:
        self._engine, self._fault = OnnxRuntimeEngine(bundle, 1), fault

    def bind(self, graph: str, outputs: Sequence[str]) -> BoundGraph:
        return _Binding(self._engine.bind(graph, outputs), self._fault)


class _Binding:
    def __init__(self, graph: BoundGraph, fault: str) -> None:
        self._graph, self._fault = graph, fault
        self._first: dict[str, Array] = {}

    @property
    def inputs(self) -> Mapping[str, Array]:
        return self._graph.inputs

    @property
    def outputs(self) -> Mapping[str, Array]:
        return self._graph.outputs

    def run(self) -> None:
        z = self.inputs["z"].copy()
        if self._fault == "old inputs":
            self._first = self._first or {name: value.copy() for name, value in self.inputs.items()}
            for name, value in self._first.items():
                np.copyto(self.inputs[name], value)
        self._graph.run()
        if self._fault == "no gradient":
            np.copyto(self.outputs["z_next"], z + 0.1 * self.inputs["noise"])
        if self._fault == "wrong mask":
            self.outputs["mask"][...] = 1 - 0.9 * self.outputs["mask"]
        if self._fault == "not finite":
            self.outputs["log_posterior"][...] = np.nan


@pytest.fixture
def golden(toy_bundle: Path) -> tuple[Bundle, Manifest]:
    bundle = Bundle.load(toy_bundle)
    return bundle, replace(bundle.manifest, golden=record_golden(OnnxRuntimeEngine(bundle, 1), bundle.manifest))


def test_the_engine_that_recorded_them_repeats_them(golden: tuple[Bundle, Manifest]) -> None:
    bundle, manifest = golden
    assert golden_error(OnnxRuntimeEngine(bundle, 1), manifest) == 0
    assert Manifest.parse(manifest.to_json()) == manifest


@pytest.mark.parametrize("fault", ["old inputs", "no gradient", "wrong mask", "not finite"])
def test_an_engine_that_computes_something_else_is_refused(golden: tuple[Bundle, Manifest], fault: str) -> None:
    bundle, manifest = golden
    with pytest.raises(EngineError, match="engine twisted does not compute what the model 'toy' does"):
        check_golden(Twisted(bundle, fault), manifest, "twisted")
    check_golden(Twisted(bundle, ""), manifest, "twisted")


def test_a_bundle_from_before_has_nothing_to_check(toy_bundle: Path) -> None:
    bundle = Bundle.load(toy_bundle)
    assert golden_error(Twisted(bundle, "not finite"), bundle.manifest) == 0
    check_golden(Twisted(bundle, "not finite"), bundle.manifest, "twisted")


def test_the_inputs_are_those_of_the_document(toy_bundle: Path) -> None:
    first, second = (golden_inputs(Bundle.load(toy_bundle).manifest, seed) for seed in (1, 2))
    assert first.keys() == {"z", "noise", "image"} and np.abs(first["image"]).max() <= 1
    assert all(not np.isclose(first[name], second[name]).any() or name == "image" for name in first)
