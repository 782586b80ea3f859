"""An installation works for a project outside the tree, with CMake and with pkg-config, and finds its libraries."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.videos import write_video

BUILD = Path(os.environ["DRC_BUILD"])
EXAMPLE = Path(os.environ["DRC_EXAMPLE"])
MODEL = Path(os.environ["DRC_GOLDEN"]) / "toy"


def run(*command: object, **options: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", BUILD, "--prefix", folder)
    return folder


def check_program(program: Path, folder: Path) -> None:
    """The toy's foreground is what is bright: the right half."""
    image = np.zeros((10, 20, 3), np.uint8)
    image[:, 10:] = 255
    plain = cv2.imencode(".ppm", image)[1].tobytes()
    pixels = plain[-image.size :]
    commented = b"P6 # written by hand\n# 30 10\n#\n20 10 #255\n# end\n255\n" + pixels
    for data in (plain, commented):
        with open(folder / "mask.pgm", "wb") as mask:
            subprocess.run([program, MODEL], input=data, stdout=mask, check=True)
        found = cv2.imread(str(folder / "mask.pgm"), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_array_equal(found >= 128, image[..., 0] == 255)
    for bad in (b"", b"P6", b"P6\n# 20 10 255\n", b"P6 20 x 255\n" + pixels, b"P6 20 10 255\n" + pixels[:-1]):
        assert subprocess.run([program, MODEL], input=bad, capture_output=True, check=False).returncode == 1


def check_camera_loop(program: Path, folder: Path) -> None:
    """The background becomes green, the bright half stays."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, 32:] = 255
    clip, out = write_video(folder / "clip.avi", [image] * 4), folder / "out.avi"
    run(program, MODEL, clip, out)
    capture = cv2.VideoCapture(str(out))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    frame = capture.read()[1].astype(int)
    np.testing.assert_allclose(frame[8:40, 4:24].reshape(-1, 3).mean(0), (0, 255, 0), atol=12)
    np.testing.assert_allclose(frame[8:40, 40:60].reshape(-1, 3).mean(0), (255, 255, 255), atol=12)
    missing = subprocess.run([program, folder / "no", clip, out], capture_output=True, text=True, check=False)
    assert missing.returncode == 1 and missing.stderr.startswith("camera_loop: no bundle at")


def test_a_cmake_project(prefix: Path, tmp_path: Path) -> None:
    run("cmake", "-S", EXAMPLE, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path)
    check_program(tmp_path / "cut_out", tmp_path)
    check_camera_loop(tmp_path / "camera_loop", tmp_path)


def test_pkg_config(prefix: Path, tmp_path: Path) -> None:
    description = next(prefix.rglob("drc.pc")).parent
    flags = run(
        "pkg-config", "--cflags", "--libs", "drc", env=os.environ | {"PKG_CONFIG_PATH": str(description)}
    ).split()
    library = next(prefix.rglob("libdrc.so")).parent
    run("c++", "-std=c++17", EXAMPLE / "cut_out.cpp", *flags, f"-Wl,-rpath,{library}", "-o", tmp_path / "cut_out")
    check_program(tmp_path / "cut_out", tmp_path)


def test_it_may_be_moved_and_needs_nothing_of_the_build(prefix: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(prefix, moved, symlinks=True)
    library = next(moved.rglob("libdrc.so"))
    assert str(BUILD) not in run("readelf", "--dynamic", library)
    found = re.search(r"libonnxruntime\.so\.1 => (\S+)", run("ldd", library))
    assert found is not None and not Path(found[1]).is_relative_to(BUILD)
    program = next(moved.rglob("drc-live"))
    assert str(moved) in run("ldd", program)
    image = tmp_path / "image.png"
    cv2.imwrite(str(image), np.zeros((10, 20, 3), np.uint8))
    run(program, image, "--model", MODEL, "--masks", tmp_path / "masks", "--no-display")
    assert (tmp_path / "masks" / "image.png").is_file()
    video = write_video(tmp_path / "clip.avi", [np.zeros((48, 64, 3), np.uint8)] * 3)
    program.rename(program.with_name("drc-live-2"))  # found beside the program, not by its name
    other = program.with_name("drc-live-2")
    run(other, video, "--masks", tmp_path / "video", "--no-display")
    assert len(list((tmp_path / "video").glob("*.png"))) == 3
    shutil.rmtree(moved / "share" / "drc")
    done = subprocess.run([other, video, "--masks", tmp_path / "none"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "is not installed beside this program" in done.stderr


def test_only_the_interface_is_visible(prefix: Path) -> None:
    symbols = run("nm", "--dynamic", "--defined-only", "--extern-only", next(prefix.rglob("libdrc.so"))).splitlines()
    names = {line.split()[2] for line in symbols}
    assert {name for name in names if name.startswith("drc_")} >= {"drc_extract", "drc_last_error", "drc_track_step"}
    assert not [name for name in names if not name.startswith("drc_") and "drc" in name]


def test_the_binaries_are_small(prefix: Path) -> None:
    files = [path for path in (*prefix.rglob("drc-live"), *prefix.rglob("libdrc.so.*")) if not path.is_symlink()]
    assert len(files) == 2 and sum(path.stat().st_size for path in files) < 2 << 20
