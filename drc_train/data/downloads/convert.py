"""Converts downloads to this project's folder form: ``train`` and ``test``, each with ``images`` and ``masks``."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from drc_runtime.errors import SourceError
from drc_runtime.images import Image, write_png
from drc_runtime.preprocess import resize
from drc_train.data.downloads.crops import Crop, ObjectCrops, scene_crops
from drc_train.data.downloads.options import PAPER_LARGEST, ConversionOptions, ConversionReport, check_options
from drc_train.data.folders import staged_folder
from drc_train.data.masks import binary


def convert_data_set(
    name: str,
    download: Path,
    folder: Path,
    options: ConversionOptions | None = None,
    *,
    progress: Callable[[int], None] | None = None,
) -> ConversionReport:
    """Crops and scales a download (Appendix A). If anything fails, nothing is written.

    Args:
        name: ``cub``, ``dogs``, ``cars`` or ``clevr6``.
        download: the unpacked download; for ``clevr6`` the TFRecord file or its folder.
        folder: made if it does not exist; it must be empty.
        options: how; None takes the defaults.
        progress: called with the number of images seen.

    Raises:
        UsageError: the data set is unknown, an option out of range, or one that has no effect on this data set.
        SourceError: not such a download, or (without ``skip_unreadable``) images of it that cannot be read.
        OutputError: the folder is not empty, or the disk refuses.
    """
    options = options or ConversionOptions()
    check_options(name, options)
    if options.protocol == "paper" and name == "dogs" and options.truth is not None and options.largest is None:
        options = replace(options, largest=PAPER_LARGEST)
    report = ConversionReport()
    crops = scene_crops(download, options) if name == "clevr6" else ObjectCrops(name, download, options, report)
    with staged_folder(Path(folder)) as stage:
        for seen, crop in enumerate(crops, 1):
            _write(stage, crop, options, report)
            if progress:
                progress(seen)
        failures = crops.failures if isinstance(crops, ObjectCrops) else []
        if failures and not options.skip_unreadable:
            raise SourceError(
                f"{len(failures)} images of {download} cannot be read: {failures[0]}; --skip-unreadable leaves them out"
            )
        if not report.train:
            raise SourceError(f"{download} gives no image to learn from: {report}; unpack the whole download")
    return report


def _write(stage: Path, crop: Crop, options: ConversionOptions, report: ConversionReport) -> None:
    shape = options.size, options.size
    if crop.mask is not None:
        mask = binary(resize(crop.mask, shape))
        if not mask.any():
            report.without_object += 1
            return
        if options.largest is not None and mask.mean() / 255 > options.largest:
            report.too_large += 1
            return
        _write_new(stage / crop.split / "masks" / f"{crop.name}.png", mask)
    _write_new(stage / crop.split / "images" / f"{crop.name}.png", resize(crop.image, shape))
    counted = crop.split or "train"
    setattr(report, counted, getattr(report, counted) + 1)


def _write_new(path: Path, image: Image) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        raise SourceError(f"two images of the download are called {path.stem}; download it again")
    write_png(path, image)
