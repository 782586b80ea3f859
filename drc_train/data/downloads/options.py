"""How a download is converted, what came of it, and the refusal of options without effect."""

from dataclasses import asdict, dataclass
from pathlib import Path

from drc_runtime.errors import SourceError, UsageError

DOWNLOADS = ("cub", "dogs", "cars", "clevr6")
SPLITS = ("download", "all", "table3")
PROTOCOLS = ("paper", "released")
PAPER_LARGEST = 0.9
"""Of dogs, Appendix A.2."""
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
    protocol: str | None = None
    """``paper`` (Appendix A) or ``released`` (the authors' data/dataset.py), see docs/paper.md. None is ``paper`` without the
    filter of dogs."""
    split: str = "download"
    """``download`` is that of the download, of clevr6 the first 1,000 scenes for testing; ``all`` puts every image into one
    folder (Table 1); ``table3`` reads cub's train_val_test_split.txt of Chen et al. [27] and leaves its validation images out."""
    exclude: Path | None = None
    """Text file with an image's path without suffix in each line, as its mask is laid out: images that are left out."""
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
    excluded: int = 0
    validation: int = 0
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
    _check_choices(name, options)
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


def _check_choices(name: str, options: ConversionOptions) -> None:
    """Refuses a protocol, a split or a list that has no effect."""
    if options.protocol not in (None, *PROTOCOLS):
        raise UsageError(f"--protocol {options.protocol}: choose paper or released")
    if options.split not in SPLITS:
        raise UsageError(f"--split {options.split}: choose from {', '.join(SPLITS)}")
    if options.protocol == "released" and name in WITHOUT_MASKS:
        raise UsageError(f"--protocol released has no effect: how {name} were cropped was not released; leave it out")
    if options.protocol == "released" and options.margin is not None:
        raise UsageError("--margin has no effect with --protocol released, which has its own crop: leave one out")
    if options.split == "table3" and name != "cub":
        raise UsageError(f"--split table3 has no effect: Table 3 has the download's split of {name}; leave it out")
    if options.exclude is not None and name == "clevr6":
        raise UsageError("--exclude has no effect: clevr6 is one file; leave it out")


def names_to_exclude(options: ConversionOptions) -> set[str]:
    """The lines of ``exclude``; empty without one.

    Raises:
        SourceError: the list cannot be read as text.
    """
    if options.exclude is None:
        return set()
    try:
        lines = options.exclude.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"cannot read the list {options.exclude}; give a text file with a name in each line"
        ) from error
    return {line.strip() for line in lines} - {""}
