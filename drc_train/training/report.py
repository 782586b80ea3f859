"""``report.html``: the result of a run as one file that opens without a server."""

import base64
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import IMAGES, SCALARS, EventAccumulator

from drc_runtime.atomic import atomic_write
from drc_runtime.machine import machine_name
from drc_train.figures import curves as drawing
from drc_train.training.checkpoint import read_state
from drc_train.training.record import RunState
from drc_train.training.verdict import verdict

POINTS = 1000
"""Points of a curve, spread over the whole run, earlier calls included."""
GRIDS = 6
"""Grids of each kind, spread likewise; the last one is among them."""
REPORT_FILE = "report.html"
HEAD = "<!doctype html><html lang=en><meta charset=utf-8><meta name=generator content=drc><title>"
EARLIER = (
    "</title><style>body{font:15px/1.5 system-ui,sans-serif;max-width:1320px;margin:2em auto;padding:0 1em;color:#222}"
)
"""In the reports of version 0.1.0, which had no generator."""

STYLE = """:root{color-scheme:light dark;--page:#fff;--text:#222;--soft:#5a5a5a;--line:#ddd;--box:#f5f5f3;--accent:#2563a8;
--warn:#fff0d0;--good:#e4f3e6}
@media(prefers-color-scheme:dark){:root{--page:#16181b;--text:#e6e6e6;--soft:#a8adb3;--line:#3a3e44;--box:#212429;
--accent:#7ab4f5;--warn:#4a3a12;--good:#1d3a24}}
body{font:15px/1.5 system-ui,sans-serif;max-width:1320px;margin:2em auto;padding:0 1em;background:var(--page);color:var(--text)}
h1,h2,h3{font-weight:600}h3{margin:1.2em 0 .3em}figure{display:inline-block;margin:0 1em 1em 0;vertical-align:top;max-width:100%}
figcaption{font-size:13px;color:var(--soft)}table{border-collapse:collapse}td{padding:2px 16px 2px 0;vertical-align:top}
img{max-width:100%}pre{background:var(--box);padding:1em;overflow:auto}summary{cursor:pointer;font-weight:600;margin:1em 0}
.verdict{padding:.6em 1em;background:var(--good)}.verdict.warning{background:var(--warn)}
"""

KINDS = {
    "grid": (
        "Extractions",
        "One column for each of some images, spread evenly over the source; the mask is the responsibility.",
    ),
    "prior": ("Samples of the prior", "What the model generates without an image."),
    "reassignment": (
        "Re-assignment of pixels",
        "How the background is deformed; the first column shows no deformation.",
    ),
}
"""Title and explanation of each kind of grid."""
LABELS = {
    "likelihood": "Likelihood term of the loss (lower is better)",
    "log_posterior": "Log-posterior (higher is better)",
    "foreground_share": "Foreground share of the masks",
    "share": "Loss on the foreground share",
    "total_variation": "Total variation of the masks",
    "pseudo_label": "Loss on the pseudo-labels",
    "orthogonal": "Orthogonality loss",
    "energy_posterior": "Energy of posterior samples",
    "energy_prior": "Energy of prior samples",
    "reinitialised": "Chains that diverged and were re-initialised",
}
"""Of the curves; another figure has its name."""
FIRST = ("log_posterior", "foreground_share", "likelihood")
"""Curves that come first."""


def write_report(run: Path, problem: str | None = None) -> Path:
    """Writes ``report.html`` into a run's folder: verdict, figures, grids, curves, configuration, machine.

    Args:
        run: the run's folder, with a checkpoint and TensorBoard events.
        problem: what is wrong with the masks; None if nothing is.

    Returns:
        The file's path.

    Raises:
        TrainingError: there is no checkpoint.
        OutputError: the file cannot be written.
    """
    state = read_state(run)
    events = EventAccumulator(str(run / "tensorboard"), {SCALARS: POINTS, IMAGES: GRIDS})
    events.Reload()
    tags = events.Tags()
    found = {name: [(it.step, it.value) for it in events.Scalars(name)] for name in tags[SCALARS]}
    curves = {name: points for name, points in sorted(found.items(), key=_order) if points}
    images = {name: [(it.step, it.encoded_image_string) for it in events.Images(name)] for name in tags[IMAGES]}
    name = escape(run.resolve().name)
    parts = [
        f"<h1>{name}</h1>",
        f'<p class="verdict{" warning" if problem else ""}">{escape(verdict(curves, problem))}</p>',
        _table(_summary(state)),
        "<h2>Images</h2>",
        *(_grids(kind, grids) for kind, grids in images.items()),
        "<h2>Curves</h2>",
        *(_curve(name, points) for name, points in curves.items()),
        "<details><summary>Last figures</summary>",
        _table({_label(name): f"{points[-1][1]:.4g}" for name, points in curves.items()}),
        "</details><details><summary>Configuration</summary>",
        f"<pre>{escape(state.config.model_dump_json(indent=1))}</pre></details>",
    ]
    style = f"<meta name=viewport content='width=device-width'><style>{STYLE}{drawing.STYLE}</style>"
    path = run / REPORT_FILE
    atomic_write(path, f"{HEAD}{name}</title>{style}<body>{''.join(parts)}</body></html>\n".encode())
    return path


def is_report(path: Path) -> bool:
    """Whether a file is a report of a run, of this version or an earlier one."""
    start = path.read_bytes()[: len(HEAD) + 1000].decode("utf-8", "replace")
    return start.startswith(HEAD) or EARLIER in start


def _summary(state: RunState) -> dict[str, Any]:
    about = state.about
    return {
        "source": about.source,
        "preset": about.preset,
        "images": about.images,
        "iterations": state.iteration,
        "minutes of learning": f"{about.seconds / 60:.1f}",
        "best checkpoint": f"iteration {about.best.iteration}" if about.best.iteration else "none",
        "compiler": "; ".join(it.line() for it in about.compiled) or "no swap",
        "machine": machine_name(),
    }


def _order(item: tuple[str, Any]) -> tuple[int, str]:
    name = item[0]
    return (FIRST.index(name) if name in FIRST else len(FIRST)), name


def _label(name: str) -> str:
    return LABELS.get(name, name.replace("_", " "))


def _table(rows: dict[str, Any]) -> str:
    cells = (f"<tr><td>{escape(str(name))}</td><td>{escape(str(value))}</td></tr>" for name, value in rows.items())
    return f"<table>{''.join(cells)}</table>"


def _grids(kind: str, grids: Iterable[tuple[int, bytes]]) -> str:
    """The grids of one kind, the newest first; earlier ones are folded away."""
    title, text = KINDS.get(kind, (kind, ""))
    newest, *earlier = [_image(title, step, data) for step, data in reversed(list(grids))]
    folded = f"<details><summary>Earlier in the run</summary>{''.join(earlier)}</details>" if earlier else ""
    return f"<h3>{escape(title)}</h3><p>{escape(text)}</p>{newest}{folded}"


def _image(title: str, step: int, data: bytes) -> str:
    source = base64.b64encode(data).decode()
    caption = f"{escape(title)}, iteration {step}"
    image = f'<img alt="{caption}" src="data:image/png;base64,{source}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _curve(name: str, points: list[tuple[int, float]]) -> str:
    svg = drawing.curve(name, points)
    return f"<figure>{svg}<figcaption>{escape(_label(name))}</figcaption></figure>" if svg else ""
