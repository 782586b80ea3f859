"""Locates the bundled samples: beside the packages in a checkout, inside this package in an installed wheel."""

from pathlib import Path

from drc_runtime.errors import SourceError, UsageError

SAMPLES = ("scene", "sprites")
"""Clips with a model each."""
FIXED_CAMERA = "fixed-camera"
"""The bundled model for the video of any fixed camera, which has no clip."""
MODELS = (*SAMPLES, FIXED_CAMERA)


def sample_path(name: str) -> Path:
    """The video clip of a sample.

    Raises:
        UsageError: there is no sample of this name.
        SourceError: this installation lacks it.
    """
    return _part(name, "clip.mp4")


def sample_bundle(name: str) -> Path:
    """The bundle folder of a bundled model, one of ``MODELS``.

    Raises:
        UsageError: there is none of this name.
        SourceError: this installation lacks it.
    """
    return _part(name, "bundle", MODELS)


def bundle_folder(bundle: Path | str) -> Path:
    """The folder of a bundle, which may be named as ``sample``, ``sample:NAME`` or ``NAME`` of a bundled model.

    A path that exists is that path.

    Raises:
        UsageError: there is no sample of this name.
        SourceError: this installation lacks it.
    """
    word, _, detail = str(bundle).partition(":")
    if Path(bundle).exists() or word not in ("sample", *MODELS) or (detail and word != "sample"):
        return Path(bundle)
    return sample_bundle(detail or ("scene" if word == "sample" else word))


def _part(name: str, part: str, names: tuple[str, ...] = SAMPLES) -> Path:
    if name not in names:
        raise UsageError(f"no sample is called {name!r}; there are: {', '.join(names)}")
    package = Path(__file__).resolve().parent
    for folder in (package / "_samples", package.parent / "samples"):
        if (folder / name / part).exists():
            return folder / name / part
    raise SourceError(f"this installation lacks {part} of the sample {name}; reinstall drc, or name your own file")
