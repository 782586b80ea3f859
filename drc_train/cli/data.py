"""``drc data draw`` and ``drc data convert``: data sets in this project's folder form."""

from pathlib import Path
from typing import Annotated

import typer

from drc_runtime.cli.options import Json

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")]


def draw(
    name: Annotated[str, typer.Argument(metavar="NAME", help="tm-dsprites (images), scene or sprites (clips).")],
    folder: Folder,
    count: Annotated[int, typer.Option(min=1, help="Number of images or frames.")] = 1000,
    size: Annotated[int, typer.Option(min=16, max=2048, help="Height of an image in pixels.")] = 128,
    seed: Annotated[
        int,
        typer.Option(
            min=0,
            help="The same seed gives the same images. The samples were drawn with 1, drc eval NAME 2, drc train NAME 1000.",
        ),
    ] = 0,
    as_json: Json = False,
) -> None:
    """Draw a synthetic data set with its ground truth: images/ and masks/, or clip.mp4 and masks/."""
    from drc_runtime.activity import Activity
    from drc_runtime.cli.printing import print_json
    from drc_train.data.synthetic.draw import draw_data_set

    with Activity() as progress:
        progress(f"drawing {count} images")
        written = draw_data_set(name, folder, count, size, seed)
    print_json({"folder": str(folder), "images": written}) if as_json else print(f"{folder}: {written} images")


def convert(
    name: Annotated[str, typer.Argument(metavar="NAME", help="cub, dogs, cars or clevr6.")],
    download: Annotated[Path, typer.Argument(metavar="DOWNLOAD", help="The unpacked download.")],
    folder: Folder,
    size: Annotated[int, typer.Option(min=8, max=2048, help="Height and width of an image in pixels.")] = 128,
    truth: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Read approximate masks for dogs and cars there; images without one are left out."
        ),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0, max=4, help="Widen the square around a bounding box by this fraction of its side. Default: 0."
        ),
    ] = None,
    largest: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Leave out images whose mask covers more than this fraction; the paper: 0.9 for dogs. Default: 1.",
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(metavar="paper|released", help="Crops and filters: docs/paper.md. Default: paper's crops."),
    ] = None,
    split: Annotated[
        str,
        typer.Option(metavar="SPLIT", help="download, all (one folder, Table 1), or table3 (cub: 10,000 and 1,000)."),
    ] = "download",
    exclude: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Leave out the images named in it, one in each line, no suffix.")
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be read.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Convert a download to train/ and test/, each with images/ and masks/, cropped as in the paper's Appendix A."""
    from dataclasses import asdict

    from drc_runtime.activity import Activity
    from drc_runtime.cli.printing import print_json
    from drc_train.data.downloads.convert import convert_data_set
    from drc_train.data.downloads.options import ConversionOptions

    options = ConversionOptions(size, truth, margin, largest, protocol, split, exclude, skip_unreadable)
    with Activity() as progress:
        progress("reading")
        report = convert_data_set(
            name, download, folder, options, progress=lambda seen: progress("reading images", seen)
        )
    print_json({"folder": str(folder), **asdict(report)}) if as_json else print(f"{folder}: {report}")
