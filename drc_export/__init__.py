"""Turns a trained run into a bundle: ONNX graphs with the gradient of the posterior inside, verified before use.

The names below are the public interface; ``docs/api.md`` shows each. They are imported on first use.
"""

from typing import TYPE_CHECKING

from drc_runtime.lazy import lazy_names

__all__ = ["Contents", "ExportReport", "export"]

if TYPE_CHECKING:
    from drc_export.bundle import Contents, ExportReport, export
else:
    __getattr__, __dir__ = lazy_names(__name__, {"drc_export.bundle": ("Contents", "ExportReport", "export")})
