"""Exports a trained run as a bundle: ONNX graphs that contain the gradient of the posterior, verified before they are written.

``drc_export.export`` is the public function; it is imported on first use, because it loads PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drc_export.bundle import ExportReport, export

__all__ = ["ExportReport", "export"]


def __getattr__(name: str) -> Any:
    """Imports a public name on first use (PEP 562)."""
    if name in __all__:
        return getattr(import_module("drc_export.bundle"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
