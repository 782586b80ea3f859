"""The commands that need the training packages, each a thin shell over one public function."""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from drc_runtime.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="Print one machine-readable object on stdout.")]


def train(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A folder of images, a video, or tm-dsprites[:N], scene[:N].")
    ],
    out: Annotated[Path, typer.Option(metavar="RUN", help="Folder of the run: checkpoint, TensorBoard, grid.png.")],
    preset: Annotated[
        str | None,
        typer.Option(metavar="P", help="A preset or a YAML file. Default: static-camera for a video, else edge-64."),
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Stop at this iteration. Default: the preset's.")
    ] = None,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this many minutes of learning.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    override: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Such as train.batch_size=16; repeatable.")
    ] = None,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be read.")
    ] = False,
    ablation: Annotated[
        str | None,
        typer.Option(metavar="NAMES", help="all, or rows of the paper's Table 2: learn each, measure, write a table."),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="N,N,...", help="With --ablation: learn each row with these. Default: 0.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show a dashboard instead of one line.")] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="First say where an iteration's time goes, and write a trace.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Learn to cut out the foreground from unlabelled images. Ctrl-C saves and ends; --resume goes on."""
    if ablation is None and seeds is not None:
        raise UsageError("--seeds is for --ablation; a single run takes --set train.seed=N")
    if ablation is not None:
        if skip_unreadable:
            raise UsageError("an ablation measures every image: leave --skip-unreadable out")
        _ablate(source, out, ablation, seeds, preset, iterations, minutes, resume, override or [], as_json)
        return
    from drc_train.training.train import train as learn

    report = learn(
        source,
        out,
        preset=preset,
        iterations=iterations,
        minutes=minutes,
        resume=resume,
        overrides=override or (),
        skip_unreadable=skip_unreadable,
        watch=watch,
        profile=profile,
    )
    if os.environ.get("RANK", "0") != "0":
        return  # of several processes that torchrun started the first one reports
    if as_json:
        print(json.dumps({**asdict(report), "out": str(report.out)}))
    else:
        print(f"{report.out}: iteration {report.iterations}, {report.seconds / 60:.1f} minutes of learning")
        print(f"look: {report.out / 'report.html'}")
        print(f"next: drc export {report.out} --out BUNDLE")
    if report.collapsed:
        print(f"drc: {report.collapsed}", file=sys.stderr)
    if report.interrupted:
        raise typer.Exit(130)
    if report.collapsed:
        raise typer.Exit(1)


def _ablate(
    source: str,
    out: Path,
    ablation: str,
    seeds: str | None,
    preset: str | None,
    iterations: int | None,
    minutes: float | None,
    resume: bool,
    overrides: list[str],
    as_json: bool,
) -> None:
    from drc_train.evaluation.ablation import ABLATIONS, ablate

    numbers = seeds.split(",") if seeds is not None else []
    if not all(seed.isascii() and seed.isdigit() for seed in numbers):
        raise UsageError(f"--seeds {seeds!r} are not whole numbers with commas between them, such as 0,1,2")
    report = ablate(
        source,
        out,
        names=list(ABLATIONS) if ablation == "all" else ablation.split(","),
        seeds=[int(seed) for seed in numbers],
        preset=preset,
        iterations=iterations,
        minutes=minutes,
        resume=resume,
        overrides=overrides,
    )
    table = out / ("table.json" if as_json else "table.md")
    print(table.read_text() if report.cells else "", end="")
    for name, problem in (*report.collapsed.items(), *report.failures.items()):
        print(f"drc: {name}: {problem}", file=sys.stderr)
    if report.interrupted:
        raise typer.Exit(130)
    if report.failures:
        raise typer.Exit(1)


def evaluate(
    model: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... [DATA]",
            help="Runs, bundles or folders of masks, or none for the baselines alone; then DATA, unless --data names it.",
        ),
    ],
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="DIR", help="As DATA, repeatable; a folder with train/ and test/ is both. Gives a table."),
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the table there: .md, or .json with all figures.")
    ] = None,
    masks: Annotated[
        str | None, typer.Option(metavar="DIR", help="The truth, where it is not beside the data.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Langevin steps. Default: the model's own.")] = None,
    baseline: Annotated[str, typer.Option(help="Comma-separated: grabcut, mog2, knn, constant.")] = "",
    skip: Annotated[
        int | None, typer.Option(min=0, help="Frames at the start not to count. Default: 20 for a clip.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the noise that cold starts begin from.")] = 0,
    size: Annotated[
        int | None, typer.Option(min=8, max=4096, help="Scale images and masks to this size first.")
    ] = None,
    chains: Annotated[
        bool, typer.Option("--chains", help="Read masks from the chains that a run learned with; DATA is its folder.")
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Draw there MODEL's first and worst masks, its prior, and DATA's statistics."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure IoU, Dice and F1: images from noise, clips tracked.

    DATA is a folder with images/ and masks/, a clip, or tm-dsprites[:N], scene[:N].
    """
    from rich.console import Console
    from rich.table import Table

    from drc_train.data.evaluation import load_evaluation
    from drc_train.evaluation.evaluate import evaluate as measure
    from drc_train.evaluation.gallery import Gallery, draw_run
    from drc_train.evaluation.model_masks import is_run
    from drc_train.evaluation.tables import markdown, measure_table, to_json, write_table
    from drc_train.figures.dataset_statistics import write_statistics

    baselines = [name for name in baseline.split(",") if name]
    if data or table:
        if masks is not None or images is not None or chains:
            raise UsageError(
                "--masks, --images and --chains are for one MODEL and DATA; for a table put the masks beside the data"
            )
        sets = data or model[1:]
        models = [Path(name) for name in (model if data else model[:1]) if name != "none"]
        with Console(stderr=True).status("measuring ...") as status:
            cells = measure_table(
                models,
                sets,
                baselines=baselines,
                steps=steps,
                skip=skip,
                seed=seed,
                size=size,
                progress=lambda name, done: status.update(f"{name}: {done} images measured"),
            )
        if table:
            write_table(table, cells)
        print(to_json(cells) if as_json else markdown(cells), end="")
        return
    if len(model) != 2:
        raise UsageError("give MODEL and DATA, or several models and --data once for each set")
    gallery = Gallery(images) if images is not None else None
    with Console(stderr=True).status("measuring ...") as status:
        figures = measure(
            None if model[0] == "none" else Path(model[0]),
            model[1],
            masks=masks,
            steps=steps,
            baselines=baselines,
            skip=skip,
            seed=seed,
            size=size,
            chains=chains,
            gallery=gallery,
            progress=lambda done: status.update(f"{done} images measured"),
        )
        if images is not None and gallery is not None:
            write_statistics(images, load_evaluation(model[1], masks))
            gallery.write()
            if is_run(Path(model[0])):
                draw_run(Path(model[0]), images, seed)
    if as_json:
        print(json.dumps(figures))
        return
    rows = Table("mask", "IoU", "Dice", "F1", "images", "with foreground", "ms")
    for name, row in figures.items():
        percentages = [f"{100 * row[key]:.1f}" for key in ("iou", "dice", "f1")]
        rows.add_row(name, *percentages, str(row["images"]), str(row["with_foreground"]), f"{row['milliseconds']:.1f}")
    Console().print(rows)
    for name, row in figures.items():
        if "ari" in row:
            print(f"{name}: ARI {row['ari']:.3f}, without background {row.get('ari_foreground', 0):.3f}")


def data(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="Drawn: tm-dsprites, scene, sprites. From a download: cub, dogs, cars, clevr6."
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="DOWNLOAD", help="The unpacked download, for cub, dogs, cars, clevr6."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Images or frames to draw.")] = 1000,
    size: Annotated[int, typer.Option(min=8, help="Height of an image in pixels.")] = 128,
    seed: Annotated[int, typer.Option(min=0, help="Another draw.")] = 2,
    masks: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Approximate masks for dogs and cars; images without are left out."),
    ] = None,
    margin: Annotated[float, typer.Option(min=0, help="Widen the square round a box by this share of its side.")] = 0.0,
    largest: Annotated[
        float, typer.Option(min=0, max=1, help="Leave out images covered by more than this; the paper: 0.9 for dogs.")
    ] = 1.0,
    skip_unreadable: Annotated[
        bool, typer.Option("--skip-unreadable", help="Leave out images that cannot be read.")
    ] = False,
) -> None:
    """Write a data set in this project's folder form: images/ and masks/, or clip.mp4 and masks/.

    Downloads are cropped as in the paper's Appendix A and become train/ and test/.
    """
    from drc_train.data.synthetic.write import SETS, write_data_set

    if name in SETS:
        if source is not None:
            raise UsageError(f"{name} is drawn, not read; leave --from out")
        print(f"{folder}: {write_data_set(name, folder, count, size, seed)} images")
        return
    from rich.console import Console

    from drc_train.data.downloads.convert import DOWNLOADS, convert_data_set

    if name not in DOWNLOADS:
        raise UsageError(f"no data set is called {name!r}; there are: {', '.join((*SETS, *DOWNLOADS))}")
    if source is None:
        raise UsageError(f"{name} is read from its download: name the unpacked folder with --from")
    with Console(stderr=True).status("reading ...") as status:
        report = convert_data_set(
            name,
            source,
            folder,
            size,
            masks=masks,
            margin=margin,
            largest=largest,
            skip_unreadable=skip_unreadable,
            progress=lambda seen: status.update(f"{seen} images read"),
        )
    print(f"{folder}: {report}")
