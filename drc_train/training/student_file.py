"""Where a run keeps its student: a file of its own beside the checkpoints."""

from pathlib import Path

import safetensors
from safetensors.torch import load, save

from drc_runtime.atomic import atomic_write
from drc_runtime.errors import TrainingError
from drc_train.learner.state import check_tensors
from drc_train.model.student import Student

STUDENT_FILE = "student.safetensors"
MARK = "drc-student"
"""Key in the file's header, by which it is recognised; its value is the EM iteration of the run that it was learned from."""


def save_student(run: Path, network: Student, iteration: int) -> None:
    """Writes a fused student into a run's folder; an earlier one stays until the new one is complete.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    atomic_write(run / STUDENT_FILE, save(tensors, {MARK: str(iteration)}))


def is_student(path: Path) -> bool:
    """Whether a file is a student that drc wrote; a damaged one is none."""
    try:
        with safetensors.safe_open(path, "pt") as file:
            return MARK in (file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        return False


def load_student(run: Path) -> Student | None:
    """The student of a run's folder, in evaluation mode; None if it has none.

    Raises:
        TrainingError: the file is damaged, or of another version of the network.
    """
    path = run / STUDENT_FILE
    if not path.is_file():
        return None
    network = Student()
    try:
        tensors = load(path.read_bytes())
        check_tensors(tensors, network.state_dict(), "the student")
    except (OSError, safetensors.SafetensorError, TrainingError) as error:
        raise TrainingError(f"{path} is damaged or of another network: {error}; remove it to go on without") from error
    network.load_state_dict(tensors)
    return network.eval()
