"""``make native`` builds only what a user needs, and says what it installs before it does."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "cmake" / "native_dependencies.sh"


def dry_run(*targets: str) -> str:
    command = ["make", "--dry-run", "--always-make", *targets]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_make_native_builds_no_tests() -> None:
    text = dry_run("native")
    assert "-DDRC_BUILD_TESTS=OFF" in text and "doctest" not in text


def test_make_native_test_builds_them() -> None:
    text = dry_run("native-test")
    assert "-DDRC_BUILD_TESTS=ON" in text and "doctest-dev" in text and "ctest --preset release" in text


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A Debian machine on which only g++ is installed; its programs write their names into ``calls``."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "dpkg-query": '[ "$3" = g++ ] && printf installed',
        "apt-get": f'echo "apt-get $*" | tee -a {tmp_path}/calls >&2',
        "id": "echo ${USER_NUMBER}",
    }
    for name, body in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)
    return folder


def install(programs: Path, user: int, *packages: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "USER_NUMBER": str(user),
        "ONNXRUNTIME_ROOT": "/elsewhere",
    }
    command = ["sh", SCRIPT, programs.parent / "headers", programs.parent / "wheel", *packages]
    return subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, check=False)


def test_root_reads_what_is_installed_before_it_is(programs: Path) -> None:
    done = install(programs, 0)
    assert done.returncode == 0 and done.stdout == "/elsewhere\n"
    lines = done.stderr.splitlines()
    assert lines[0].startswith("installing the missing Debian packages: cmake ") and "libopencv-dev" in lines[0]
    assert "g++" not in lines[0] and "doctest" not in done.stderr
    assert lines[1].startswith("apt-get update") and lines[2].startswith("apt-get install")


def test_others_get_the_command_and_nothing_is_installed(programs: Path) -> None:
    done = install(programs, 1000, "doctest-dev")
    assert done.returncode == 1 and "sudo apt-get install cmake " in done.stderr and "doctest-dev" in done.stderr
    assert not (programs.parent / "calls").exists()
