"""The entry point: quick to start, one line for every error, exit codes that can be relied on."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drc_runtime import __version__
from drc_runtime.cli import app as cli
from drc_runtime.cli.app import COMMANDS, GROUPS
from drc_runtime.errors import OutputError
from drc_runtime.packages import install_command

ROOT = Path(__file__).resolve().parents[3]
RUNTIME = [name for name, command in COMMANDS.items() if not command.extra]
HEAVY = {"numpy", "cv2", "onnxruntime", "torch", "onnx", "rich", "av"}

Drc = Callable[..., tuple[int, str, str]]
Process = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, str], None]:
    """Puts a function ``pretended`` of this source behind a command."""

    def put(name: str, source: str) -> None:
        module = f"pretended_{name.replace(' ', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, module, raising=False)
        monkeypatch.setitem(COMMANDS, name, COMMANDS[name]._replace(function=f"{module}:pretended"))

    return put


def test_help_lists_every_command(drc: Drc) -> None:
    code, out, err = drc("--help")
    assert (code, err) == (0, "")
    lines = [line.split(maxsplit=1) for line in out.partition("Commands:\n")[2].splitlines()]
    texts = {name: command.help for name, command in COMMANDS.items() if " " not in name} | GROUPS
    assert dict(lines) == texts


def test_a_group_lists_its_commands(drc: Drc) -> None:
    code, out, _ = drc("data", "--help")
    assert code == 0 and out.startswith("Usage: drc data ")
    assert COMMANDS["data draw"].help in out and COMMANDS["data convert"].help in out


@pytest.mark.parametrize("arguments", ["--help", "--version", "", *(f"{name} --help" for name in RUNTIME)])
def test_help_and_version_load_nothing_heavy(process: Process, arguments: str) -> None:
    program = f"""
import sys
from drc_runtime.cli import main
try:
    main()
finally:
    heavy = {HEAVY} & set(sys.modules)
    assert not heavy, heavy
    # Start-up time grows with the number of modules. typer imports pydantic for a command's own options.
    assert len(sys.modules) < (400 if "pydantic" in sys.modules else 250), len(sys.modules)
"""
    done = process("-c", program, *arguments.split())
    assert done.returncode == 0, done.stderr


def test_version(drc: Drc) -> None:
    assert drc("--version") == (0, f"drc {__version__}\n", "")


@pytest.mark.parametrize("module", ["drc_runtime", "drc_runtime.cli"])
def test_packages_run_as_the_program(process: Process, module: str) -> None:
    done = process("-m", module, "--version")
    assert (done.returncode, done.stdout) == (0, f"drc {__version__}\n")
    assert process("-m", module, "info", "no-such-bundle").returncode == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(drc: Drc, name: str) -> None:
    code, out, err = drc(*name.split(), "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: drc {name} ")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ("rum", "No such command 'rum'. Did you mean 'run'? (see drc --help)"),
        ("data drow", "No such command 'drow'. Did you mean 'draw'? (see drc data --help)"),
        ("data", "Missing command. (see drc data --help)"),
        ("info x --jsn", "--jsn"),
        ("run clip.mp4 --threads 0", "--threads"),
        ("run clip.mp4 --mask best", "--mask"),
        ("batch images", "--masks"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(drc: Drc, arguments: str, complaint: str) -> None:
    code, out, err = drc(*arguments.split())
    assert (code, out) == (2, "")
    assert err.startswith("drc: ") and err.count("\n") == 1 and complaint in err


def test_an_error_is_one_line_and_exit_1(drc: Drc, tmp_path: Path) -> None:
    code, out, err = drc("info", str(tmp_path / "no\nbundle\x1b[31m"))
    assert (code, out) == (1, "")
    assert err.startswith("drc: no bundle at ") and err.count("\n") == 1 and "\x1b" not in err


@pytest.mark.parametrize(
    "source",
    ["import package_not_there\ndef pretended(): pass", "def pretended():\n    import package_not_there.inner"],
    ids=["on loading", "inside"],
)
@pytest.mark.parametrize("name", ["train", "data draw"])
def test_a_missing_package_is_one_line_with_its_extra(
    drc: Drc, pretend: Callable[[str, str], None], name: str, source: str
) -> None:
    pretend(name, source)
    code, out, err = drc(*name.split())
    assert (code, out) == (1, "")
    assert err.startswith(f"drc: drc {name} needs package_not_there (") and err.count("\n") == 1
    assert err.endswith(f"{install_command('train')}\n")


def test_a_bug_is_not_taken_for_a_missing_package(
    monkeypatch: pytest.MonkeyPatch, pretend: Callable[[str, str], None]
) -> None:
    pretend("train", "import drc_train.module_not_there\ndef pretended(): pass")
    monkeypatch.setattr(sys, "argv", ["drc", "train"])
    with pytest.raises(ModuleNotFoundError):
        cli.main()


def test_a_package_that_does_not_load_points_to_the_doctor(drc: Drc, pretend: Callable[[str, str], None]) -> None:
    pretend("info", "def pretended():\n    raise ImportError('undefined symbol', name='cv2')")
    code, _, err = drc("info")
    assert (code, err.count("\n")) == (1, 1) and "symbol" in err and "drc doctor" in err


def test_a_missing_shared_library_is_named_with_its_package(drc: Drc, pretend: Callable[[str, str], None]) -> None:
    message = "libGL.so.1: cannot open shared object file: No such file or directory"
    pretend("info", f"def pretended():\n    raise ImportError({message!r}, name='cv2')")
    library = "libGL.so.1 is missing: on Debian and Ubuntu, apt-get install libgl1"
    assert drc("info") == (1, "", f"drc: cv2 cannot be loaded: {library}\n")


@pytest.mark.parametrize(
    ("raised", "code"),
    [("KeyboardInterrupt", 130), ("typer.Exit(3)", 3), ("OutputError('disk full')", OutputError.exit_code)],
)
def test_exit_codes(drc: Drc, pretend: Callable[[str, str], None], raised: str, code: int) -> None:
    pretend("train", f"import typer\nfrom drc_runtime.errors import OutputError\ndef pretended():\n    raise {raised}")
    result = drc("train")
    assert result[0] == code
    assert result[2] == ("drc: disk full\n" if "disk" in raised else "")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_points_at_a_function_of_the_project(name: str) -> None:
    module, _, function = COMMANDS[name].function.partition(":")
    path = ROOT / (module.replace(".", "/") + ".py")
    assert f"def {function}(" in path.read_text()


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_is_no_error(toy_bundle: Path, unbuffered: str) -> None:
    program = f"import sys; sys.argv = ['drc', 'info', {str(toy_bundle)!r}]; from drc_runtime.cli import main; main()"
    # The reader closes its end, then says so on the second pipe: only then the first byte is written.
    shell = """mkfifo closed; { read _ < closed; exec "$0" -c "$1"; } | { exec <&-; echo > closed; }; exit ${PIPESTATUS[0]}"""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        ["bash", "-c", shell, sys.executable, program],
        env=environment,
        capture_output=True,
        text=True,
        cwd=toy_bundle.parent,
    )
    assert (done.returncode, done.stderr) == (1, "")
