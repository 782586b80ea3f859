"""The folder of a run: what ``drc train`` writes there, and the rule of ``drc_runtime.outputs`` for it."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import safetensors

from drc_runtime.errors import OutputError, TrainingError, UsageError
from drc_runtime.marks import is_marked
from drc_runtime.outputs import NOT_OURS, State, check_place, claim_folder, state_of, visible
from drc_train.training.checkpoint import BEST_FILE, checkpoints, is_checkpoint, read_run
from drc_train.training.initialiser import INITIALISER_FILE, is_initialiser
from drc_train.training.profile import TRACE_FILE
from drc_train.training.record import STATE_FILE
from drc_train.training.report import REPORT_FILE, is_report
from drc_train.training.student_file import STUDENT_FILE, is_student

GRIDS = ("grid.png", "prior.png", "reassignment.png")
_RESULTS = re.compile(
    "|".join(
        (
            r"checkpoint-[0-9]{8,}\.safetensors",
            *map(re.escape, (STATE_FILE, BEST_FILE, INITIALISER_FILE, STUDENT_FILE, REPORT_FILE, TRACE_FILE, *GRIDS)),
        )
    )
)


def check_run_folder(out: Path, source: str, *, resume: bool) -> None:
    """Refuses a folder in which a run would replace what ``drc train`` did not write, or an earlier run.

    Args:
        out: may be missing.
        source: what is learned from; a run must not write among these images.
        resume: the run in ``out`` is continued.

    Raises:
        UsageError: as said above.
        OutputError: it cannot be made, read or written.
    """
    check_place("--out", out)
    if out.exists() and Path(source).exists() and out.samefile(source):
        raise UsageError(f"--out {out} is what the run learns from; choose another folder")
    if resume:
        legacy = _is_legacy(out)
        for name in results(out):
            if not (legacy and name in _LATER_MARKED) and state_of(out / name, _is_own) is State.FOREIGN:
                raise UsageError(f"--resume: {out / name} {NOT_OURS}; move it away")
        return
    if (out / STATE_FILE).is_file() and is_checkpoint(out / STATE_FILE):
        raise UsageError(f"{out} already holds a run: continue it with --resume, or give another --out")
    if checkpoints(out) or is_checkpoint(out / BEST_FILE):
        raise UsageError(f"{out} holds a run without {STATE_FILE}: continue it with --resume, or give another --out")
    if found := results(out):
        raise UsageError(f"{out} holds {found[0]}, which a run would replace; give another --out")


@contextmanager
def claim_run(out: Path) -> Iterator[None]:
    """Makes the folder of a run that ``check_run_folder`` passed, and keeps other processes from it.

    Raises:
        UsageError: another process learns into it.
        OutputError: it cannot be made or written.
    """
    with claim_folder("--out", out, overwrite=True, is_own=_is_own) as claim:
        if _is_legacy(out):
            claim.replaceable |= _LATER_MARKED
        yield


def results(out: Path) -> list[str]:
    """The names in a folder that are names of a run's files; ``tensorboard`` is one, but its files have new names."""
    return [name for name in visible(out) if _RESULTS.fullmatch(name)]


_LATER_MARKED = frozenset({*GRIDS, TRACE_FILE})
"""Files that earlier versions of drc wrote without a mark."""


def _is_legacy(out: Path) -> bool:
    try:
        return not read_run(out).marked
    except TrainingError:
        return False


def _is_own(path: Path) -> bool:
    if path.name == INITIALISER_FILE:
        return is_initialiser(path) or _is_damaged(path)
    if path.name == STUDENT_FILE:
        return is_student(path) or _is_damaged(path)
    if path.suffix == ".safetensors":
        return is_checkpoint(path) or _is_damaged(path)
    if path.name == STATE_FILE:
        return is_checkpoint(path) or bool(checkpoints(path.parent))
    if path.name == REPORT_FILE:
        return is_report(path)
    if path.name == TRACE_FILE:
        return b'"deviceProperties"' in path.read_bytes()[:4096]
    return is_marked(path)


def _is_damaged(path: Path) -> bool:
    """Whether a file with the name of a checkpoint has no readable header or not all of its tensors."""
    try:
        with safetensors.safe_open(path, "pt"):
            return False
    except safetensors.SafetensorError:
        return True
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror or error}") from error
