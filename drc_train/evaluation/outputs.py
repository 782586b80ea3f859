"""What ``drc eval`` writes: a table and a folder of figures, by the rule of ``drc_runtime.outputs``."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from drc_runtime.errors import UsageError
from drc_runtime.outputs import check_folder, claim_file, claim_folder

FIGURES = (
    *("extractions.png", "worst.png", "sheet.png", "prior.png", "reassignment.png", "histograms.png", "heat-map.png"),
    "slots",
)
_HEADER = re.compile(r"\| model \|( .* IoU \| .* Dice \|)+")


@contextmanager
def claim_outputs(table: Path | None, gallery: Path | None, data: Sequence[str], *, overwrite: bool) -> Iterator[None]:
    """Checks the outputs before anything is measured, and keeps other processes from them.

    Args:
        table: a file, or None.
        gallery: a folder, or None.
        data: what is measured; no figures are written among it.
        overwrite: whether a table and figures that drc wrote may be replaced.

    Raises:
        UsageError: ``overwrite`` without outputs, or an output that would replace something else.
        OutputError: a place cannot be written.
    """
    if overwrite and table is None and gallery is None:
        raise UsageError("--overwrite has no effect without --table and --gallery; leave it out")
    with ExitStack() as stack:
        if table is not None:
            stack.enter_context(claim_file("--table", table, overwrite=overwrite, is_own=is_table))
        if gallery is not None:
            places = [Path(name) / part for name in data for part in ("", "images", "masks")]
            if gallery.exists() and any(place.exists() and gallery.samefile(place) for place in places):
                raise UsageError(f"--gallery {gallery} is where the images are read from; choose another folder")
            check_folder("--gallery", gallery, overwrite, lambda name: name in FIGURES)
            claim = stack.enter_context(claim_folder("--gallery", gallery, overwrite=overwrite))
            claim.remove(lambda name: name in FIGURES)
        yield


def is_table(path: Path) -> bool:
    """Whether a file is a table of ``drc_train.evaluation.tables``."""
    try:
        text = path.read_text()
        if path.suffix != ".json":
            first = text.partition("\n")[0]
            return first == "| model |  |" or _HEADER.fullmatch(first) is not None
        values = json.loads(text)
        cells = values["cells"]
        return values.keys() == {"cells"} and all(
            cell.keys() == {"model", "reading", "data", "figures"} for cell in cells
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False
