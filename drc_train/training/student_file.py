"""Where a run keeps its student: a file of its own beside the checkpoints."""

from pathlib import Path

from drc_train.model.student import Student
from drc_train.training.network_file import is_network, load_into, save_network

STUDENT_FILE = "student.safetensors"
MARK = "drc-student"
"""Key in the file's header, by which it is recognised; its value is the EM iteration of the run that it was learned from."""


def save_student(run: Path, network: Student, iteration: int) -> None:
    """Writes a fused student into a run's folder; an earlier one stays until the new one is complete.

    Raises:
        OutputError: the file cannot be written.
    """
    save_network(run / STUDENT_FILE, network, MARK, iteration)


def is_student(path: Path) -> bool:
    """Whether a file is a student that drc wrote; a damaged one is none."""
    return is_network(path, MARK)


def load_student(run: Path) -> Student | None:
    """The student of a run's folder, in evaluation mode; None if it has none.

    Raises:
        TrainingError: the file is damaged, or of another version of the network.
    """
    path = run / STUDENT_FILE
    if not path.is_file():
        return None
    network = Student()
    load_into(network, path, "the student")
    return network
