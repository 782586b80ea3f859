"""The ``drc web`` command, over ``drc_runtime.browser.site.write_site``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from drc_runtime.cli.options import Json
from drc_runtime.cli.printing import print_json, print_rows


def web(
    bundle: Annotated[
        str, typer.Argument(metavar="BUNDLE", help="A folder that drc export wrote, or sample, scene, sprites.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write.")],
    archive: Annotated[
        Path | None,
        typer.Option(
            "--onnxruntime-web",
            metavar="FILE",
            help="The package onnxruntime-web as npm pack writes it. Default: npm fetches it once.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace DIR if it holds nothing but what drc web wrote.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write a static folder that runs a bundle in a browser: with a camera, and no picture leaves the machine."""
    from drc_runtime.browser.site import write_site

    report = write_site(bundle, folder, overwrite=overwrite, archive=archive)
    if as_json:
        print_json({**asdict(report), "folder": str(report.folder)})
        return
    print_rows([("page", report.folder), ("model", report.name), ("bytes", f"{sum(report.bytes.values()):,}")])
    print(f"try it: python -m http.server -b 127.0.0.1 -d {report.folder} 8000, then http://localhost:8000")
    print("Browsers give the camera only to https and localhost; threads need the headers in _headers.")
