"""Options that several commands share: one name, one meaning and one text for each."""

from pathlib import Path
from typing import Annotated, Literal

import typer

MODEL, OUTPUT, WATCHING, LEARNING = "Model", "Output", "Watching", "Learning"
"""Groups of options in the help."""

Model = Annotated[
    Path | None,
    typer.Option(
        "--model", metavar="BUNDLE", help="Bundle of drc export. Default: the sample's.", rich_help_panel=MODEL
    ),
]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        help="onnxruntime, onnxruntime-cuda, onnxruntime-tensorrt; torchscript or tensorrt if the bundle has it.",
        rich_help_panel=MODEL,
    ),
]
Precision = Annotated[str, typer.Option("--precision", help="fp32; fp16 if the bundle has it.", rich_help_panel=MODEL)]
Mask = Annotated[
    Literal["responsibility", "mixture"],
    typer.Option(
        "--mask",
        help="Posterior probability of the foreground (Eq. 7), or the mixing weight pi_f.",
        rich_help_panel=MODEL,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="CPU threads: of the network, or one for each of several images. Up to 4 a core. Default: all cores.",
        rich_help_panel=MODEL,
    ),
]
Seed = Annotated[
    int | None, typer.Option("--seed", help="Seed of the Langevin noise. Default: 0.", rich_help_panel=MODEL)
]
Temperature = Annotated[
    float,
    typer.Option(
        "--temperature",
        min=0,
        max=10,
        help="Scale of the noise in the steps: 0 climbs to a mode of the posterior, 1 samples it.",
        rich_help_panel=MODEL,
    ),
]
FromNoise = Annotated[
    bool,
    typer.Option(
        "--from-noise", help="Begin chains at noise although the model has an initialiser.", rich_help_panel=MODEL
    ),
]
Refine = Annotated[
    Literal["cut", "none"] | None,
    typer.Option(
        "--refine",
        help="Cut masks of images again by the image's colours (GrabCut) where the cut agrees. Default: cut.",
        rich_help_panel=MODEL,
    ),
]
UseStudent = Annotated[
    bool,
    typer.Option("--student", help="Masks by the model's student: one pass a frame, no chain.", rich_help_panel=MODEL),
]
Soft = Annotated[bool, typer.Option("--soft", help="Masks hold probabilities, 0 to 255.", rich_help_panel=OUTPUT)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
