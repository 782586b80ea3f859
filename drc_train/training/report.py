"""``report.html``: the result of a run as one file that opens without a server."""

import base64
from html import escape
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_accumulator import IMAGES, SCALARS, EventAccumulator

from drc_runtime.atomic import atomic_write
from drc_runtime.machine import machine_name
from drc_train.training.checkpoint import read_state

POINTS = 1000
"""Points of a curve, spread over the whole run, earlier calls included."""
GRIDS = 6
"""Grids of each kind, spread likewise; the last one is among them."""
WIDTH, HEIGHT = 420, 160
REPORT_FILE = "report.html"
HEAD = "<!doctype html><html lang=en><meta charset=utf-8><meta name=generator content=drc><title>"

STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:1320px;margin:2em auto;padding:0 1em;color:#222}
h1,h2{font-weight:600}figure{display:inline-block;margin:0 1em 1em 0}figcaption{font-size:13px;color:#555}
table{border-collapse:collapse}td{padding:2px 16px 2px 0;vertical-align:top}svg{background:#f6f6f4}
img{max-width:100%;image-rendering:pixelated}pre{background:#f6f6f4;padding:1em;overflow:auto}
.warning{background:#fff0d0;padding:.6em 1em}"""


def write_report(run: Path, problem: str | None = None) -> Path:
    """Writes ``report.html`` into a run's folder: figures, curves, grids, configuration, machine.

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
    curves = {name: [(it.step, it.value) for it in events.Scalars(name)] for name in tags[SCALARS]}
    grids = [(name, it.step, it.encoded_image_string) for name in tags[IMAGES] for it in events.Images(name)]
    about = state.about
    rows = {
        "source": about.source,
        "preset": about.preset,
        "images": about.images,
        "iterations": state.iteration,
        "minutes of learning": f"{about.seconds / 60:.1f}",
        "best checkpoint": f"iteration {about.best.iteration}" if about.best.iteration else "none",
        "machine": machine_name(),
    }
    last = {name: f"{points[-1][1]:.4g}" for name, points in curves.items() if points}
    parts = [
        f"<h1>{escape(run.resolve().name)}</h1>",
        f'<p class="warning">{escape(problem)}</p>' if problem else "",
        _table(rows),
        "<h2>Images</h2><p>grid: observed, generated, masked foreground, background, mask (the responsibility).</p>",
        *(_image(name, step, data) for name, step, data in grids),
        "<h2>Curves</h2>",
        *(_curve(name, points) for name, points in curves.items() if points),
        "<h2>Last figures</h2>",
        _table(last),
        "<h2>Configuration</h2>",
        f"<pre>{escape(state.config.model_dump_json(indent=1))}</pre>",
    ]
    title = f"{HEAD}{escape(run.resolve().name)}</title>"
    path = run / REPORT_FILE
    atomic_write(path, f"{title}<style>{STYLE}</style><body>{''.join(parts)}</body></html>\n".encode())
    return path


def is_report(path: Path) -> bool:
    """Whether a file is a report of a run, of this version or an earlier one."""
    start = path.read_bytes()[: len(HEAD) + 1000].decode("utf-8", "replace")
    return start.startswith(HEAD) or f"</title><style>{STYLE.splitlines()[0]}" in start


def _table(rows: dict[str, Any]) -> str:
    cells = (f"<tr><td>{escape(str(name))}</td><td>{escape(str(value))}</td></tr>" for name, value in rows.items())
    return f"<table>{''.join(cells)}</table>"


def _image(name: str, step: int, data: bytes) -> str:
    source = base64.b64encode(data).decode()
    caption = f"{escape(name)}, iteration {step}"
    image = f'<img alt="{caption}" src="data:image/png;base64,{source}">'
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"


def _curve(name: str, points: list[tuple[int, float]]) -> str:
    """The curve as SVG with its range and its iterations below; empty if no value is finite."""
    shown = [(step, value) for step, value in points if abs(value) < float("inf")]
    if not shown:
        return ""
    low, high = min(value for _, value in shown), max(value for _, value in shown)
    first, last = shown[0][0], shown[-1][0]
    across, up = WIDTH / max(last - first, 1), (HEIGHT - 20) / ((high - low) or 1.0)
    path = " ".join(f"{(step - first) * across:.1f},{HEIGHT - 10 - (value - low) * up:.1f}" for step, value in shown)
    line = f'<polyline points="{path}" fill="none" stroke="#2563a8" stroke-width="1.3"/>'
    drawing = f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(name)}">{line}</svg>'
    caption = f"{escape(name)}: {low:.4g} to {high:.4g}, iterations {first} to {last}"
    return f"<figure>{drawing}<figcaption>{caption}</figcaption></figure>"
