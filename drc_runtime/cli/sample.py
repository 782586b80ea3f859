"""The ``drc sample`` command, over ``drc_runtime.inference.prior.sample_prior``."""

from pathlib import Path
from typing import Annotated

import typer

from drc_runtime.cli.options import EngineName, Json


def sample(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="A folder that drc export wrote.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Write a PNG: a column for each sample.")],
    count: Annotated[int, typer.Option(min=1, max=256, help="Number of samples.")] = 12,
    steps: Annotated[
        int | None, typer.Option(min=0, max=65536, help="Langevin steps from noise; 0: N(0, I) itself. Default: 60.")
    ] = None,
    engine: EngineName = "onnxruntime",
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a FILE that drc wrote.")] = False,
    as_json: Json = False,
) -> None:
    """Draw what a model has learned to imagine: samples of its prior, as image, foreground, background and mask."""
    from drc_runtime.activity import Activity
    from drc_runtime.bundle.bundle import Bundle
    from drc_runtime.cli.printing import print_json
    from drc_runtime.errors import UsageError
    from drc_runtime.images import write_png
    from drc_runtime.inference.prior import PRIOR_STEPS, sample_prior
    from drc_runtime.outputs import claim_file
    from drc_runtime.views.sheet import prior_sheet

    steps = PRIOR_STEPS if steps is None else steps
    if out.suffix.lower() != ".png":
        raise UsageError(f"--out {out}: give a name that ends in .png")
    with claim_file("--out", out, overwrite=overwrite):
        loaded, samples = Bundle.load(bundle), []
        with Activity() as progress:
            progress("sampling the prior", 0, count)
            for drawn in sample_prior(loaded, count, steps, seed, engine=engine):
                samples.append(drawn)
                progress("sampling the prior", len(samples), count)
        write_png(out, prior_sheet(samples))
    about = {"out": str(out), "count": count, "steps": steps, "seed": seed}
    if as_json:
        print_json(about | {"energies": [drawn.energy for drawn in samples]})
    else:
        print(f"{out}: {count} samples of the prior of {loaded.manifest.name}, {steps} steps")
