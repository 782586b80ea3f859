"""``drc reproduce``: learns and measures what a table of the paper needs, as far as its data are there."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from drc_runtime.activity import Activity
from drc_runtime.atomic import atomic_write
from drc_runtime.errors import SourceError, TrainingError, UsageError
from drc_runtime.outputs import claim_folder
from drc_train.evaluation.ablation_plan import ROWS
from drc_train.evaluation.evaluate import Figures
from drc_train.evaluation.in_shards import evaluate_in_shards
from drc_train.evaluation.paper_tables import SETS, TABLES, Row
from drc_train.evaluation.reproduction_table import TITLE, Result, mean_figures, table_text
from drc_train.evaluation.subject import subject_of
from drc_train.protocols import protocol_overrides
from drc_train.training.checkpoint import read_state
from drc_train.training.to_the_end import learn_to_the_end
from drc_train.training.train import Recipe

PLAN_FILE = "reproduction.json"
RESULTS = "results"
TINY_SIZE, TINY_IMAGES, TINY_MEASURED, TINY_ITERATIONS = 32, 64, 16, 20
TINY = (
    f"model.image_size={TINY_SIZE}",
    "model.latent.foreground=16",
    "model.latent.background=4",
    "model.base_channels=8",
    "model.channels=[16,16,8]",
    "model.foreground_categories=4",
    "model.background_categories=4",
    "model.energy_width=16",
    "model.reassignment_energy_width=16",
    "model.classifier_channels=8",
    f"train.iterations={TINY_ITERATIONS}",
    "train.batch_size=8",
    "train.prior_steps=4",
    "train.posterior_steps=4",
    "sampler.cold_steps=10",
)
"""Settings of ``--tiny`` over those of the protocol: enough to see every part at work, far too little to learn anything."""
TINY_REASSIGNMENT = "model.latent.reassignment=8"


@dataclass(frozen=True)
class ReproductionOptions:
    """How a table is reproduced."""

    data: Path | None = None
    """Folder with a sub-folder for each data set of ``paper_tables.SETS``; None where only drawn sets are there."""
    protocol: str = "paper"
    """``paper`` or ``released``, see ``drc_train.protocols``."""
    seeds: int = 1
    """Every run is learned with this many seeds, from 0 on."""
    tiny: bool = False
    """A small network and few iterations, to see that everything works; sets that are not there are TM-dSprites."""


@dataclass
class Reproduction:
    """A table as far as it was reproduced."""

    table: str
    out: Path
    options: ReproductionOptions
    results: list[Result] = field(default_factory=list)
    interrupted: bool = False

    def text(self) -> str:
        """The table as Markdown."""
        return table_text(self.table, self.results, self.options.protocol, tiny_note() if self.options.tiny else "")

    def to_json(self) -> dict[str, Any]:
        """The table's rows, see ``Result.to_json``, and how they were learned."""
        about = {"table": self.table, "protocol": self.options.protocol, "tiny": self.options.tiny}
        return about | {"seeds": self.options.seeds, "rows": [result.to_json() for result in self.results]}


def reproduce(
    table: str, out: Path, options: ReproductionOptions | None = None, *, console: Console | None = None
) -> Reproduction:
    """Learns what a table of the paper needs with the protocol's preset, measures it and writes the table into ``out``.

    Runs and results are kept in ``out``: a second call goes on where the first one ended, and tables share runs. A row whose
    data are not there says so, and how to prepare them.

    Args:
        table: ``table1`` to ``table4``.
        out: holds a folder for each run, as ``drc train`` leaves it, ``results`` and ``TABLE.md``.
        options: how; None takes the defaults.
        console: where progress is printed; None is stderr.

    Raises:
        UsageError: an unknown table or protocol, no seeds, or ``out`` holds runs with another protocol or of another size.
        SourceError: the folder of data does not exist, or a set of it cannot be read.
        OutputError: ``out`` cannot be written.
    """
    options, console = options or ReproductionOptions(), console or Console(stderr=True)
    if table not in TABLES:
        raise UsageError(f"no table {table!r}: choose from {', '.join(TABLES)}")
    if options.seeds < 1:
        raise UsageError(f"--seeds {options.seeds}: give 1 or more")
    protocol_overrides(options.protocol, "birds")
    if options.data is not None and not options.data.is_dir():
        raise SourceError(f"--data {options.data} is not a folder; give the one that holds birds, dogs and so on")
    with claim_folder("--out", out, overwrite=True, is_own=_is_own):
        _check_plan(out, options)
        (out / RESULTS).mkdir(exist_ok=True)
        found = Reproduction(table, out, options, [Result(row) for row in TABLES[table]])
        try:
            for result in found.results:
                _fill(result, out, options, console)
                atomic_write(out / f"{table}.md", found.text().encode())
        except KeyboardInterrupt:
            found.interrupted = True
            atomic_write(out / f"{table}.md", found.text().encode())
    return found


def tiny_note() -> str:
    """What the table of a tiny run says of itself."""
    return (
        f"A tiny run, no reproduction: a network of {TINY_SIZE}x{TINY_SIZE}, {TINY_ITERATIONS} iterations, at most "
        f"{TINY_MEASURED} images measured. Its figures say that every part works, and nothing about the method."
    )


def _check_plan(out: Path, options: ReproductionOptions) -> None:
    """Runs of two protocols or sizes must not meet in one folder."""
    plan = {"protocol": options.protocol, "tiny": options.tiny}
    try:
        kept = json.loads((out / PLAN_FILE).read_text())
    except FileNotFoundError:
        atomic_write(out / PLAN_FILE, json.dumps(plan).encode())
        return
    except (OSError, ValueError) as error:
        raise UsageError(f"{out / PLAN_FILE} is damaged: give another --out") from error
    if kept != plan:
        raise UsageError(f"--out {out} holds runs with another --protocol, or --tiny ones: give another --out")


def _fill(result: Result, out: Path, options: ReproductionOptions, console: Console) -> None:
    """Learns and measures one row, or takes what an earlier call kept of it."""
    row = result.row
    measured = _place(row.measured, options, learning=False)
    source = None
    if row.learned is not None:
        part = f"{row.learned}/train" if row.learned.endswith("-split") else row.learned
        source = _place(part, options, learning=True)
        if source is None:
            result.missing = _missing(row.learned, options.protocol)
    if measured is None:
        result.missing = _missing(row.measured.partition("/")[0], options.protocol)
    if measured is None or result.missing:
        return
    result.data = measured
    try:
        figures, run = [], None
        for seed in range(options.seeds if row.learned else 1):
            run = None if source is None else _run(row, source, seed, out, options, console)
            figures.append(_measure(row, run, measured, out, options, console))
        result.figures = mean_figures(figures)
        result.iterations = None if run is None else read_state(run).iteration
    except TrainingError as error:
        result.failure = str(error)


def _missing(name: str, protocol: str) -> str:
    recipe = SETS[name].recipe.replace("PROTOCOL", protocol)
    return f"{SETS[name].title} is not here (`DIR/{name}`); prepare it with `{recipe}`"


def _run(row: Row, source: str, seed: int, out: Path, options: ReproductionOptions, console: Console) -> Path:
    """The finished run of a row.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it; it is saved.
    """
    assert row.learned is not None
    preset, ablated = SETS[row.learned].preset, ROWS[row.ablation].overrides
    tiny = (*TINY, TINY_REASSIGNMENT) if options.tiny else ()
    settings = (*protocol_overrides(options.protocol, preset), *tiny, *ablated, f"train.seed={seed}")
    folder = out / f"{row.learned}-{row.ablation}-{seed}"
    console.print(f"{folder.name}: {row.title}", highlight=False, markup=False)
    if not learn_to_the_end(source, folder, Recipe(preset, settings), console=console):
        raise KeyboardInterrupt
    return folder


def _measure(
    row: Row, run: Path | None, measured: str, out: Path, options: ReproductionOptions, console: Console
) -> Figures:
    """Figures of a run or of GrabCut, kept in ``results``."""
    who = run.name if run else "grabcut"
    kept = out / RESULTS / f"{who}-on-{row.measured.replace('/', '-')}.json"
    subject = subject_of(measured, run / read_state(run).tensors if run else None)
    limit = TINY_MEASURED if options.tiny else SETS[row.measured.partition("/")[0]].limit
    with Activity(console) as report:
        return evaluate_in_shards(
            run,
            measured,
            kept,
            subject,
            baselines=() if run else ("grabcut",),
            limit=limit,
            progress=lambda done: report(f"measuring {who} on {row.measured}", done),
        )


def _place(part: str, options: ReproductionOptions, *, learning: bool) -> str | None:
    """The folder of a set or of a part of it, or what is drawn; None if it is not here."""
    about = SETS[part.partition("/")[0]]
    folder = None if options.data is None or about.drawn else options.data / part
    if folder is not None and all((folder / kind).is_dir() for kind in ("images", "masks")):
        return str(folder)
    if options.tiny:
        return f"tm-dsprites:{TINY_IMAGES if learning else TINY_MEASURED}"
    if about.drawn:
        return f"tm-dsprites:{about.drawn if learning else about.limit}"
    return None


def _is_own(path: Path) -> bool:
    """Whether a file is one of an earlier call, by its content."""
    try:
        text = path.read_text()
        if path.suffix == ".md":
            return text.startswith(TITLE)
        return path.name == PLAN_FILE or json.loads(text).keys() == {"subject", "data", "done", "figures"}
    except (OSError, ValueError, AttributeError):
        return path.parent.name == RESULTS  # damaged: it is measured again
