"""How a download is converted, what came of it, and the refusal of options without effect."""

from dataclasses import asdict, dataclass
from pathlib import Path

from drc_runtime.errors import SourceError, UsageError

DOWNLOADS = ("cub", "dogs", "cars", "clevr6")
WITHOUT_MASKS = ("dogs", "cars")
"""Downloads that bring no masks."""


@dataclass(frozen=True)
class ConversionOptions:
    """How a download is converted; None means that an option was not given."""

    size: int = 128
    """Height and width of the images that are written, pixels."""
    truth: Path | None = None
    """Folder of approximate masks ``.png`` for ``dogs`` and ``cars``, laid out as their images (those of dogs may also lie
    flat). A mask has the size of its image, or is ``size`` x ``size`` and shows the crop. Images without a mask are left out,
    as in the paper where nothing was detected. Without the folder, no masks are written."""
    margin: float | None = None
    """Added to the side of the square around a box, as a fraction of it, 0 to 4; default 0."""
    largest: float | None = None
    """Images whose mask covers more than this fraction of the crop are left out (0.9 in Appendix A.2); default 1."""
    skip_unreadable: bool = False
    """Leave out images and masks that cannot be read instead of failing."""


@dataclass
class ConversionReport:
    """How many images were written, and how many were left out for which reason."""

    train: int = 0
    test: int = 0
    without_mask: int = 0
    without_object: int = 0
    too_large: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        counts = asdict(self)
        left_out = {name.replace("_", " "): counts[name] for name in counts.keys() - {"train", "test"} if counts[name]}
        reasons = ", ".join(f"{count} {name}" for name, count in sorted(left_out.items()))
        return f"{self.train} images in train, {self.test} in test" + (f"; left out: {reasons}" if reasons else "")


def check_options(name: str, options: ConversionOptions) -> None:
    """Refuses values out of range, and options that have no effect on a data set.

    Raises:
        UsageError: the message names the option and the way out.
        SourceError: ``truth`` is no folder.
    """
    if name not in DOWNLOADS:
        raise UsageError(f"no download is called {name!r}; there are: {', '.join(DOWNLOADS)}")
    if options.truth is not None and name not in WITHOUT_MASKS:
        raise UsageError(f"--truth has no effect: {name} brings its own masks; leave it out")
    if options.margin is not None and name == "clevr6":
        raise UsageError("--margin has no effect: clevr6 has no bounding boxes; leave it out")
    if options.skip_unreadable and name == "clevr6":
        raise UsageError("--skip-unreadable has no effect: clevr6 is one file; leave it out")
    if options.largest is not None and options.truth is None and name in WITHOUT_MASKS:
        raise UsageError(f"--largest has no effect: {name} brings no masks; give some with --truth, or leave it out")
    if not 8 <= options.size <= 2048:
        raise UsageError(f"--size {options.size}: give 8 to 2048 pixels")
    if options.margin is not None and not 0 <= options.margin <= 4:
        raise UsageError(f"--margin {options.margin}: give 0 to 4")
    if options.largest is not None and not 0 < options.largest <= 1:
        raise UsageError(f"--largest {options.largest}: give more than 0, and at most 1")
    if options.truth is not None and not options.truth.is_dir():
        raise SourceError(f"{options.truth} is not a folder; name the folder of approximate masks with --truth")
