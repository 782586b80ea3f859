"""Standard streams that are closed, full, or narrower than what is written, and Ctrl-C while the program starts."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FULL = "/dev/full"

Shell = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(not os.path.exists(FULL), reason="closes streams with a POSIX shell")


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a line of shell in an empty folder, in which ``drc`` is this checkout's."""

    def run(line: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"} | variables
        program = f'drc() {{ "{sys.executable}" -m drc_runtime "$@"; }}\n{line}'
        return subprocess.run(["sh", "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True)

    return run


@pytest.mark.parametrize("redirection", [">&-", "2>&-", "<&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_run_does_its_work_without_a_stream(
    shell: Shell, folder: Path, tmp_path: Path, toy_bundle: Path, redirection: str
) -> None:
    done = shell(f"drc run '{folder}' --model '{toy_bundle}' --masks masks {redirection}")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert sorted(path.name for path in (tmp_path / "masks").glob("*.png")) == ["a.png", "b.png"]


@pytest.mark.parametrize("arguments", ["--version", "--help", "info --help", "info BUNDLE", "info BUNDLE --json"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_stdout_is_one_line_and_exit_1(shell: Shell, toy_bundle: Path, arguments: str, unbuffered: str) -> None:
    arguments = arguments.replace("BUNDLE", f"'{toy_bundle}'")
    done = shell(f"drc {arguments} > {FULL}", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (
        1,
        "drc: cannot write to standard output: No space left on device\n",
    )


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", f">{FULL} 2>{FULL}", ">&- 2>&-"])
def test_an_error_keeps_its_exit_code_where_its_message_goes_nowhere(shell: Shell, redirection: str) -> None:
    done = shell(f"drc info nothing {redirection}")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_a_file_does_not_get_the_number_of_a_closed_stream(shell: Shell, tmp_path: Path) -> None:
    program = (
        "from drc_runtime.cli.streams import prepare_standard_streams as prepare; import os; prepare()\n"
        "file = open('result', 'w')\n"
        "os.write(2, b'a warning of a native library')"
    )
    assert shell(f'"{sys.executable}" -c "{program}" <&- >&- 2>&-').returncode == 0
    assert (tmp_path / "result").read_bytes() == b""


def test_an_unwritten_character_becomes_an_escape(shell: Shell) -> None:
    done = shell("drc run 'caf\u00e9.mp4'", PYTHONIOENCODING="ascii")
    assert done.returncode == 1 and "caf\\xe9.mp4" in done.stderr
