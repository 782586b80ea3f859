"""Refuses options that have no effect in a run. What one group of options decides alone is checked in ``options``."""

from drc_runtime.bundle.manifest import Manifest
from drc_runtime.errors import UsageError
from drc_runtime.frames import Source
from drc_runtime.pipeline.options import LearnOptions, ModelOptions, OutputOptions, WatchOptions
from drc_runtime.sinks.encoders import WITH_SOUND
from drc_runtime.sinks.open import audio_of

RUN_WHAT_IS_LEARNED = ("onnxruntime", "onnxruntime-cuda", "onnxruntime-tensorrt")
"""Backends for a bundle that has ONNX graphs only."""


def check_model(model: ModelOptions, learn: LearnOptions | None) -> None:
    """Refuses options of the model that do not go with learning one.

    Raises:
        UsageError: there is such an option.
    """
    if learn is None:
        return
    if model.student:
        raise UsageError("--student is of a finished model, and --learn makes one without: leave out one of them")
    if model.bundle is not None:
        raise UsageError("--model names a bundle, and --learn makes one: leave out one of them")
    if model.engine not in RUN_WHAT_IS_LEARNED:
        raise UsageError(f"--learn makes ONNX graphs, which --engine {model.engine} does not run; leave --engine out")
    if model.precision != "fp32":
        raise UsageError(f"--learn makes graphs in fp32, not in {model.precision}; leave --precision out")


def check_for_source(source: Source, model: ModelOptions, outputs: OutputOptions, watch: WatchOptions) -> None:
    """Refuses options that have no effect on this source with these outputs.

    Raises:
        UsageError: there is such an option.
        MissingDependencyError: ``--audio`` is given, and PyAV is not installed.
    """
    if source.is_still:
        _check_still(model, outputs, watch)
    elif model.refine is not None:
        raise UsageError("--refine is for images; frames of a camera, a stream or a video are tracked: leave it out")
    elif outputs.uncertainty is not None:
        raise UsageError("--uncertainty is of images, whose masks are cut again; for a camera or a video leave it out")
    if outputs.audio is not None:
        _check_audio(source, outputs)
    if outputs.background is not None and not _is_seen(source, outputs, watch):
        raise UsageError("--background has no effect on masks and maps: add --out, --serve or --vcam, or leave it out")
    if outputs.boxes and not _is_seen(source, outputs, watch):
        raise UsageError("--boxes are drawn into the overlay: add --out, --serve or --vcam, or leave it out")
    writes_binary_masks = outputs.masks is not None and not outputs.soft
    if outputs.threshold is not None and not (writes_binary_masks or _is_seen(source, outputs, watch)):
        raise UsageError("--threshold has no effect on masks with --soft and on maps: leave it out")


def check_camera(source: Source, manifest: Manifest, model: ModelOptions) -> None:
    """Refuses a model of any fixed camera for images, and its options with another model.

    Raises:
        UsageError: there is such a combination.
    """
    if manifest.background == "input":
        if source.is_still:
            raise UsageError(
                f"the model {manifest.name!r} is for the video of a fixed camera, whose background it learns while it runs; "
                "for images take another --model"
            )
        return
    if model.adapt is not None or model.absorb is not None:
        option = "--adapt" if model.adapt is not None else "--absorb"
        raise UsageError(
            f"{option} is for a model of any fixed camera, and {manifest.name!r} has its own background: leave it out"
        )


def allows_window(source: Source, outputs: OutputOptions, watch: WatchOptions) -> bool:
    """Whether a window opens if this machine has a display."""
    return watch.display and (source.live or not outputs.paths)


def _is_seen(source: Source, outputs: OutputOptions, watch: WatchOptions) -> bool:
    """Whether anything but masks comes out."""
    return outputs.out is not None or watch.watched or allows_window(source, outputs, watch)


def _check_still(model: ModelOptions, outputs: OutputOptions, watch: WatchOptions) -> None:
    if watch.watched:
        raise UsageError("--serve and --vcam show cameras, streams and videos; for images name --out or --masks")
    if outputs.events is not None:
        raise UsageError("--events are of a camera, a stream or a video; for images leave it out")
    if outputs.uncertainty is not None and model.refinement == "none":
        raise UsageError("--uncertainty shows where a mask and its cut disagree: add --refine cut, or leave it out")
    if model.rate is not None:
        raise UsageError("--fps is for cameras, streams and videos; for images set --steps")
    if outputs.alpha:
        raise UsageError("--alpha is for cameras, streams and videos; a cut-out image has its transparency without it")


def _check_audio(source: Source, outputs: OutputOptions) -> None:
    option = "--audio" if outputs.audio else "--no-audio"
    if outputs.out is None or outputs.out.suffix.lower() not in WITH_SOUND or audio_of(source) is None:
        kinds = ", ".join(sorted(WITH_SOUND))
        raise UsageError(f"{option} is for a video file that becomes a video ({kinds}) with --out; leave it out")
