"""The process that compiles a run's steps: ``python -P -m drc_train.learner.compile_child``, with a ``Task`` on stdin."""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from drc_runtime.atomic import atomic_write
from drc_train.config import Config
from drc_train.learner.compiled_step import probe_is_needless, save_compiled
from drc_train.learner.compiler_cache import alone_in, kernels_of
from drc_train.learner.m_step import M_STEP, GeneratorGradient
from drc_train.model.regions import RegionModel
from drc_train.sampling.sampler import E_STEP, training_graph

NICENESS = 3
"""Learning goes first, but not alone: at 19 this process would get a sixtieth of a single core, and never be done."""

ABOUT_FILE = "about.json"
MOST_HELP_FIRST = ("posterior", M_STEP, "prior")


@dataclass(frozen=True)
class Task:
    """What to compile, for which process."""

    parent: int
    """Its process number; this process ends when that one has."""
    folder: str
    """Where the steps go, see ``drc_train.learner.compiler_cache``."""
    config: str
    """Of the run, as JSON."""
    batch: int
    """B."""
    threads: int
    """Threads that the steps will run on."""

    def to_json(self) -> str:
        """What this process reads."""
        return json.dumps(asdict(self))


def step_file(folder: Path, name: str) -> Path:
    """The file of a compiled step; if it exists, it is complete."""
    return folder / f"{name}.step"


@dataclass(frozen=True)
class About:
    """What is to be known of the steps in a folder besides themselves; written before they are."""

    probe: bool
    """Whether vector instructions have to be tried before a step is loaded."""
    parts: tuple[str, ...] = ()
    """Names of the parts of the M-step's loss, in the order in which it returns them; empty until it is compiled."""

    def write(self, folder: Path) -> None:
        """Writes it into a folder of steps."""
        atomic_write(folder / ABOUT_FILE, json.dumps(asdict(self)).encode())

    @classmethod
    def read(cls, folder: Path) -> "About":
        """Reads what ``write`` wrote.

        Raises:
            OSError, TypeError, ValueError: it is missing or damaged.
        """
        return cls(**json.loads((folder / ABOUT_FILE).read_text()))


def step_names(config: Config) -> list[str]:
    """The steps that can be compiled, in the order in which that helps most."""
    m_step = [M_STEP] if config.train.final_m_step_sigma is None else []
    return sorted([*E_STEP, *m_step], key=MOST_HELP_FIRST.index)


def compile_steps(task: Task) -> None:
    """Compiles what is missing. Two processes with the same task take turns: the second finds all of it."""
    folder, config, cpu = Path(task.folder), Config.model_validate_json(task.config), torch.device("cpu")
    torch.set_num_threads(task.threads)
    with alone_in(folder), kernels_of(folder):
        model = RegionModel(config.model, torch.Generator().manual_seed(0))  # of the weights only the shapes matter
        about = About(probe=not probe_is_needless())
        if not (folder / ABOUT_FILE).exists():
            about.write(folder)
        for name in step_names(config):
            if step_file(folder, name).exists():
                continue
            if name == M_STEP:
                gradient = GeneratorGradient(model, config.train, compiled=False)
                graph, example, parts = gradient.training_graph(config, task.batch)
                replace(about, parts=tuple(parts)).write(folder)
            else:
                graph, example = training_graph(name, model, config, task.batch, cpu)
            save_compiled(graph, example, step_file(folder, name))


def _end_with(parent: int) -> None:
    """Ends this process and the compilers that it started when the parent has ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    """Runs the task; whatever goes wrong is the last line on stderr."""
    task = Task(**json.load(sys.stdin))
    threading.Thread(target=_end_with, args=(task.parent,), daemon=True).start()
    os.nice(NICENESS)
    compile_steps(task)


if __name__ == "__main__":
    main()
