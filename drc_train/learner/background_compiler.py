"""Compiles a run's steps in a process of its own while the learner learns without them."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from contextlib import suppress
from typing import IO, Any, NamedTuple

import torch

from drc_runtime.errors import OutputError
from drc_train.config import Config
from drc_train.learner.compile_child import About, Task, step_file, step_names
from drc_train.learner.compiled_step import load_compiled
from drc_train.learner.compiler_cache import kernels_of, steps_folder, steps_key
from drc_train.model.regions import RegionModel
from drc_train.sampling.sampler import Step, step_example

PROGRAM = (sys.executable, "-P", "-m", "drc_train.learner.compile_child")
"""-P: a torch.py in the current folder must not be run."""
LOOK_EVERY = 0.5
"""Seconds."""


class Compiled(NamedTuple):
    """A step that is ready."""

    name: str
    """``posterior``, ``prior`` or ``m_step``."""
    step: Step
    parts: tuple[str, ...]
    """The names of the loss's parts that the M-step returns after the gradients."""
    seconds: float
    """That loading it took, while learning stood still."""


class BackgroundCompiler:
    """The steps of one configuration: those that an earlier run left in the cache, and those that a child compiles now.

    Whatever goes wrong, learning goes on without the compiler; ``notes`` says so in one line.
    """

    def __init__(self, config: Config, model: RegionModel, batch: int) -> None:
        """Looks into the cache, and starts the child if something is missing there.

        Args:
            config: of the run; inference by Langevin chains.
            model: the run's networks, on the processor.
            batch: B.
        """
        self.notes: list[str] = []
        self._config, self._model, self._batch = config, model, batch
        self._waiting: list[str] = []
        self._ready: list[Compiled] = []
        self._child: subprocess.Popen[str] | None = None
        self._messages: IO[bytes] | None = None
        try:
            self._folder = steps_folder(steps_key(config, batch))
            self._waiting = step_names(config)
            self._load(tell=False)  # a damaged file is removed, and compiled again
            if self._waiting:
                self._start()
        except (OutputError, OSError) as error:
            self._give_up(str(error))

    @property
    def is_busy(self) -> bool:
        """Whether more steps may come."""
        return bool(self._waiting)

    def take(self) -> list[Compiled]:
        """The steps that became ready since the last call; loading one takes up to some seconds."""
        if self._waiting and self._child is not None:
            ended = self._child.poll()  # before looking for its files: what it leaves is complete
            self._load(tell=True)
            if self._waiting and ended is not None:
                self._give_up(self._last_message(ended))
        ready, self._ready = self._ready, []
        return ready

    def wait(self) -> None:
        """Waits for the child."""
        while self._child is not None and self._child.poll() is None:
            time.sleep(LOOK_EVERY)

    def close(self) -> None:
        """Ends the child; what it has compiled so far stays in the cache."""
        self._waiting = []
        if self._child is not None:
            _end(self._child)
            self._child = None

    def _start(self) -> None:
        task = Task(
            os.getpid(),
            str(self._folder),
            self._config.model_dump_json(),
            self._batch,
            torch.get_num_threads(),
        )
        environment = os.environ | {
            "OMP_NUM_THREADS": str(task.threads),
            "TORCHINDUCTOR_COMPILE_THREADS": "1",  # the other cores learn
        }
        self._messages = tempfile.TemporaryFile()
        # A session of its own: Ctrl-C goes to this process alone, and the compilers that it starts end with it.
        child = subprocess.Popen(
            PROGRAM,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._messages,
            env=environment,
            start_new_session=True,
            text=True,
        )
        self._child = child
        weakref.finalize(self, _end, child)
        assert child.stdin is not None
        with suppress(OSError), child.stdin as stdin:  # if it has died, its last message is the reason
            stdin.write(task.to_json())

    def _load(self, tell: bool) -> None:
        for name in list(self._waiting):
            path = step_file(self._folder, name)
            if not path.exists():
                continue
            begun = time.monotonic()
            try:
                about = About.read(self._folder)
                with kernels_of(self._folder):
                    step = load_compiled(path, self._example(name), about.probe)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the file, learning works without it
                path.unlink(missing_ok=True)
                if tell:
                    self._give_up(_first_line(error))
                    return
            else:
                self._waiting.remove(name)
                self._ready.append(Compiled(name, step, about.parts, time.monotonic() - begun))

    def _example(self, name: str) -> tuple[Any, ...]:
        return step_example(name, self._model, self._config, self._batch, torch.device("cpu"))

    def _give_up(self, reason: str) -> None:
        self._waiting = []
        self.notes.append(f"learning without the compiler, slower: {reason}")

    def _last_message(self, code: int) -> str:
        assert self._messages is not None
        self._messages.seek(0)
        lines = self._messages.read().decode(errors="replace").strip().splitlines()
        ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return f"it ended with {ended}: {lines[-1] if lines else 'no message'}"


def _end(child: "subprocess.Popen[str]") -> None:
    """Ends the child and what it started, and collects it."""
    if child.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
