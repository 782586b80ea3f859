"""The cache of decoded images: used while nothing changes, renewed when something does."""

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import OutputError, SourceError
from drc_train.data import cache
from drc_train.data.cache import cache_folder, cached_images
from drc_train.data.source import read_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    for index in range(5):
        write(images / f"{index}.png", 40 * index)
    return images


@pytest.fixture(autouse=True)
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def write(path: Path, grey: int) -> None:
    cv2.imwrite(str(path), np.full((9, 7, 3), (grey, 0, 255), np.uint8))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_the_mapped_images_are_the_decoded_ones(folder: Path) -> None:
    expected = np.stack(list(read_images(str(folder), 8)))
    seen: list[int] = []
    found = cached_images(str(folder), 8, progress=seen.append)
    assert isinstance(found.pixels, np.memmap) and found.pixels.shape == (5, 3, 8, 8)
    assert np.array_equal(found.pixels.transpose(0, 2, 3, 1), expected)
    assert found.fingerprint == hashlib.sha256(expected.tobytes()).hexdigest()
    assert seen == [1, 2, 3, 4, 5]
    assert found.fingerprint_of(5) == found.fingerprint
    assert found.fingerprint_of(3) == hashlib.sha256(expected[:3].tobytes()).hexdigest()


def test_the_second_call_decodes_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached_images(str(folder), 8)
    monkeypatch.setattr(cache, "read_images", lambda *_, **__: pytest.fail("decoded again"))
    again = cached_images(str(folder), 8)
    assert np.array_equal(first.pixels, again.pixels) and first.fingerprint == again.fingerprint
    again.pixels[:] = 0
    assert cached_images(str(folder), 8).pixels.any(), "writing to the array does not write to the file"


def test_other_images_another_size_or_another_version_are_decoded_again(
    folder: Path, cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached_images(str(folder), 8)
    write(folder / "1.png", 200)
    os.utime(folder / "1.png", ns=(1, 1))
    changed = cached_images(str(folder), 8)
    assert changed.fingerprint != first.fingerprint and changed.pixels[1, 2].max() == 200
    (folder / "4.png").unlink()
    assert len(cached_images(str(folder), 8).pixels) == 4
    assert len(files(cached)) == 2, "the old file is removed"
    cached_images(str(folder), 16)
    assert len(files(cached)) == 4, "another size is another cache"
    monkeypatch.setattr(cache, "DECODING_VERSION", 0)
    before = files(cached)
    cached_images(str(folder), 8)
    assert files(cached) != before


@pytest.mark.parametrize("damage", ["short pixels", "no json", "half a json", "another json"])
def test_an_incomplete_file_is_decoded_again(damage: str, folder: Path, cached: Path) -> None:
    first, fingerprint = cached_images(str(folder), 8)
    first = first.copy()  # the test damages the file that it is mapped from
    about, pixels = files(cached)
    if damage == "short pixels":
        pixels.write_bytes(pixels.read_bytes()[:-1])
    elif damage == "no json":
        about.unlink()
    else:
        about.write_text(about.read_text()[:-5] if damage == "half a json" else "[]")
    again = cached_images(str(folder), 8)
    assert np.array_equal(first, again.pixels) and fingerprint == again.fingerprint


def test_unreadable_images_are_reported_by_each_call(folder: Path, cached: Path) -> None:
    (folder / "3.png").write_bytes(b"")
    with pytest.raises(SourceError, match="1 of 5 images.*--skip-unreadable"):
        cached_images(str(folder), 8)
    assert not files(cached), "no incomplete cache is left"
    for _ in range(2):
        with pytest.warns(UserWarning, match="1 of 5 images"):
            assert len(cached_images(str(folder), 8, skip_unreadable=True).pixels) == 4
    with pytest.raises(SourceError, match="1 of 5 images"):
        cached_images(str(folder), 8)


def test_fewer_than_two_images_are_refused_even_after_skipping(tmp_path: Path) -> None:
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    write(lonely / "0.png", 1)
    with pytest.raises(SourceError, match="at least 2"):
        cached_images(str(lonely), 8)
    (lonely / "1.png").write_bytes(b"")
    with pytest.raises(SourceError, match="at least 2"):
        cached_images(str(lonely), 8, skip_unreadable=True)


def test_a_cache_that_cannot_be_written_names_the_way_out(folder: Path, cached: Path) -> None:
    cached.write_text("a file")
    with pytest.raises(OutputError, match=f"set {cache.VARIABLE}"):
        cached_images(str(folder), 8)


def colourful(folder: Path) -> str:
    """A folder with one image of 33x27 pixels, whose every region has another colour and whose rows are noisy."""
    folder.mkdir()
    rows, columns = np.mgrid[:33, :27]
    noise = np.random.default_rng(0).integers(0, 64, (33, 27))
    pixels = np.stack((7 * columns, 5 * rows, 3 * (rows + columns)), -1) + noise[..., None]
    cv2.imwrite(str(folder / "0.png"), pixels.clip(0, 255).astype(np.uint8))
    cv2.imwrite(str(folder / "1.png"), pixels[::-1].clip(0, 255).astype(np.uint8))
    return str(folder)


GOLDEN = {
    "folder": (3, "3533354933655c33937335c5505f385f5a62765c94875ac06786367b86658d8492a083c07faf3591ad63a7ae93baadc1"),
    "tm-dsprites:1": (
        3,
        "e3d2e6b568c42828283b3b3b4325499716b1babab6ddddddb7b9addbf92a5d8e5415c5067171712c2f17666a66d0dfcf",
    ),
    "scene:1": (3, "68887d6a8a8066857b5d797068887e69897f6281775d79706482786381775e7b7255706757726957726a556f66496059"),
}
"""The first image of each source at 4x4 pixels, for the DECODING_VERSION beside it."""


@pytest.mark.parametrize("kind", ["folder", "tm-dsprites:1", "scene:1"])
def test_other_pixels_than_before_need_another_version(kind: str, tmp_path: Path) -> None:
    source = colourful(tmp_path / "colours") if kind == "folder" else kind
    found = next(iter(read_images(source, 4)))
    version, golden = GOLDEN[kind]
    expected = np.frombuffer(bytes.fromhex(golden), np.uint8).reshape(4, 4, 3)
    difference = np.abs(found.astype(int) - expected).max()  # builds of OpenCV may round differently
    assert (difference <= 1, cache.DECODING_VERSION) == (True, version), (
        f"{kind} decodes to other pixels than in version {version}: raise cache.DECODING_VERSION, or old caches are read as if "
        f"nothing had changed, and put ({cache.DECODING_VERSION + 1}, {found.tobytes().hex()!r}) here"
    )


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user id without HOME and without an entry in the user database, as in many containers."""

    def unknown(number: int) -> object:
        raise KeyError(f"getpwuid(): uid not found: {number}")

    for variable in ("HOME", "XDG_CACHE_HOME", "DRC_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)


def test_a_user_without_a_home_is_told_the_variable(homeless: None) -> None:
    with pytest.raises(OutputError, match=r"^no place for decoded images: .+ name a folder in DRC_CACHE$"):
        cache_folder()


@pytest.mark.parametrize(("variable", "below"), [("DRC_CACHE", ""), ("XDG_CACHE_HOME", "drc")])
def test_a_named_cache_needs_no_home(
    homeless: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, below: str
) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    assert cache_folder() == tmp_path / below
