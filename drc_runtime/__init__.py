"""Runs what ``drc_train`` learned: numpy, onnxruntime and OpenCV, never torch.

The names below are the public interface; ``docs/api.md`` shows each. They are imported on first use.
"""

from drc_runtime.lazy import lazy_names
from drc_runtime.version import __version__

TYPE_CHECKING = False  # typing itself takes milliseconds, in which Ctrl-C would end in a traceback

__all__ = [
    "Bundle",
    "BundleError",
    "Callbacks",
    "ConfigError",
    "DRCError",
    "EngineError",
    "Extraction",
    "Extractor",
    "LearnOptions",
    "MissingDependencyError",
    "ModelOptions",
    "OutputError",
    "OutputOptions",
    "RunReport",
    "Sampling",
    "SourceError",
    "StudentExtractor",
    "Track",
    "TrainingError",
    "UsageError",
    "VerificationError",
    "WatchOptions",
    "__version__",
    "run",
]

if TYPE_CHECKING:
    from drc_runtime.bundle.bundle import Bundle
    from drc_runtime.errors import (
        BundleError,
        ConfigError,
        DRCError,
        EngineError,
        MissingDependencyError,
        OutputError,
        SourceError,
        TrainingError,
        UsageError,
        VerificationError,
    )
    from drc_runtime.inference.extraction import Extraction
    from drc_runtime.inference.extractor import Extractor
    from drc_runtime.inference.options import Sampling
    from drc_runtime.inference.student import StudentExtractor
    from drc_runtime.inference.tracking import Track
    from drc_runtime.pipeline.options import Callbacks, LearnOptions, ModelOptions, OutputOptions, WatchOptions
    from drc_runtime.pipeline.report import RunReport
    from drc_runtime.pipeline.run import run
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "drc_runtime.bundle.bundle": ("Bundle",),
            "drc_runtime.errors": tuple(name for name in __all__ if name.endswith("Error")),
            "drc_runtime.inference.extraction": ("Extraction",),
            "drc_runtime.inference.extractor": ("Extractor",),
            "drc_runtime.inference.options": ("Sampling",),
            "drc_runtime.inference.student": ("StudentExtractor",),
            "drc_runtime.inference.tracking": ("Track",),
            "drc_runtime.pipeline.options": (
                "Callbacks",
                "LearnOptions",
                "ModelOptions",
                "OutputOptions",
                "WatchOptions",
            ),
            "drc_runtime.pipeline.report": ("RunReport",),
            "drc_runtime.pipeline.run": ("run",),
        },
    )
