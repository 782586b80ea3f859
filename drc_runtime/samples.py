"""Locates the bundled samples: beside the packages in a checkout, inside this package in an installed wheel."""

from pathlib import Path

from drc_runtime.errors import SourceError, UsageError

SAMPLES = ("scene", "sprites")


def sample_path(name: str) -> Path:
    """The video clip of a sample.

    Raises:
        UsageError: there is no sample of this name.
        SourceError: this installation lacks it.
    """
    return _part(name, "clip.mp4")


def sample_bundle(name: str) -> Path:
    """The bundle folder of a sample's model.

    Raises:
        UsageError: there is no sample of this name.
        SourceError: this installation lacks it.
    """
    return _part(name, "bundle")


def bundle_folder(bundle: Path | str) -> Path:
    """The folder of a bundle, which may be named as ``sample``, ``sample:NAME`` or ``NAME`` of a sample.

    A path that exists is that path.

    Raises:
        UsageError: there is no sample of this name.
        SourceError: this installation lacks it.
    """
    word, _, detail = str(bundle).partition(":")
    if Path(bundle).exists() or word not in ("sample", *SAMPLES) or (detail and word != "sample"):
        return Path(bundle)
    return sample_bundle(detail or ("scene" if word == "sample" else word))


def _part(name: str, part: str) -> Path:
    if name not in SAMPLES:
        raise UsageError(f"no sample is called {name!r}; there are: {', '.join(SAMPLES)}")
    package = Path(__file__).resolve().parent
    for folder in (package / "_samples", package.parent / "samples"):
        if (folder / name / part).exists():
            return folder / name / part
    raise SourceError(f"this installation lacks {part} of the sample {name}; reinstall drc, or name your own file")
