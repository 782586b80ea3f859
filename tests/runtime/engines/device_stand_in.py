"""A stand-in for onnxruntime with a GPU: the processor computes, but only on copies that are made where the real one makes them.

``IOBinding.bind_input`` copies to the device when it is called, not when the session runs; an output arrives in the caller's
buffer when the outputs are synchronised.
"""

import ctypes
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime
import pytest

PROVIDERS = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
_InferenceSession = onnxruntime.InferenceSession


class DeviceSession:
    """An ``InferenceSession`` whose first provider has a memory of its own."""

    def __init__(self, data: bytes, options: object = None, *, providers: list[str], **_: object) -> None:
        self._processor = _InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._providers = [*providers, "CPUExecutionProvider"]
        self.bindings: list[DeviceBinding] = []

    def get_providers(self) -> list[str]:
        return self._providers

    def io_binding(self) -> "DeviceBinding":
        self.bindings.append(DeviceBinding())
        return self.bindings[-1]

    def run_with_iobinding(self, binding: "DeviceBinding") -> None:
        names = list(binding.buffers)
        found = self._processor.run(names, binding.device)
        binding.computed = dict(zip(names, found, strict=True))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._processor, name)


class DeviceBinding:
    """What is bound: copies of the inputs, and the addresses of the outputs."""

    def __init__(self) -> None:
        self.device: dict[str, np.ndarray] = {}
        self.buffers: dict[str, np.ndarray] = {}
        self.computed: Mapping[str, np.ndarray] = {}

    def bind_input(self, name: str, device: str, index: int, kind: type, shape: tuple[int, ...], address: int) -> None:
        self.device[name] = _at(address, shape).copy()

    def bind_output(self, name: str, device: str, index: int, kind: type, shape: tuple[int, ...], address: int) -> None:
        self.buffers[name] = _at(address, shape)

    def synchronize_inputs(self) -> None:
        pass

    def synchronize_outputs(self) -> None:
        for name, value in self.computed.items():
            self.buffers[name][...] = value


def install(patch: pytest.MonkeyPatch) -> None:
    """Has the engine use the stand-in."""
    patch.setattr("drc_runtime.engines.onnxruntime.ort.get_available_providers", lambda: PROVIDERS)
    patch.setattr("drc_runtime.engines.onnxruntime.ort.InferenceSession", DeviceSession)


def _at(address: int, shape: tuple[int, ...]) -> np.ndarray:
    values = (ctypes.c_float * int(np.prod(shape))).from_address(address)
    return np.frombuffer(values, np.float32).reshape(shape)
