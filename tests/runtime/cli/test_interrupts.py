"""Ctrl-C while modules are imported, while a command works, and while the interpreter shuts down."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

Process = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends itself SIGINT")

# The signal comes when a module is searched for. An exception of the handler becomes an ImportError, as cv2 makes of it.
AT_IMPORT = """
import os, signal, sys
module = sys.argv.pop(1)
class Finder:
    def find_spec(name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(Finder)
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                raise ImportError("numpy.core.multiarray failed to import")
sys.meta_path.insert(0, Finder)
from drc_runtime.cli import main
main()
"""


@pytest.mark.parametrize(
    "module", ["drc_runtime.cli.streams", "drc_runtime.cli.app", "typer", "drc_runtime.doctor", "numpy", "cv2"]
)
def test_it_ends_an_import_at_once(process: Process, module: str) -> None:
    done = process("-c", AT_IMPORT, module, "doctor")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


@pytest.mark.parametrize("arguments", [("--help",), ("doctor",), ("run", "nothing")])
def test_it_leaves_no_traceback_at_the_end(process: Process, arguments: tuple[str, ...]) -> None:
    program = """
import atexit, os, signal
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
from drc_runtime.cli import main
main()
"""
    done = process("-c", program, *arguments)
    assert done.returncode == 130 and "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


def test_it_is_raised_where_a_command_works(process: Process) -> None:
    program = """
import os, signal
from drc_runtime.cli import interrupts
interrupts.install_interrupt_handler()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("cleaned up")
"""
    assert process("-c", program).stdout == "cleaned up\n"


def test_an_ignored_signal_stays_ignored(process: Process) -> None:
    program = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from drc_runtime.cli import interrupts
interrupts.install_interrupt_handler()
interrupts.leave_on_interrupt()
os.kill(os.getpid(), signal.SIGINT)
print("went on")
"""
    assert process("-c", program).stdout == "went on\n"


def test_no_handler_is_left_in_a_program_that_only_imports_the_command_line() -> None:
    program = "import signal; import drc_runtime.cli; print(signal.getsignal(2) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n" and signal.SIGINT == 2
