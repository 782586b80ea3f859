"""Decoded once, mapped afterwards, and never yesterday's images."""

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import OutputError, SourceError
from drc_train.data import cache
from drc_train.data.cache import cached_images
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


def test_what_is_mapped_is_what_is_decoded(folder: Path) -> None:
    expected = np.stack(list(read_images(str(folder), 8)))
    seen: list[int] = []
    found = cached_images(str(folder), 8, progress=seen.append)
    assert isinstance(found.pixels, np.memmap) and found.pixels.shape == (5, 3, 8, 8)
    assert np.array_equal(found.pixels.transpose(0, 2, 3, 1), expected)
    assert found.fingerprint == hashlib.sha256(expected.tobytes()).hexdigest()
    assert seen == [1, 2, 3, 4, 5]
    assert found.fingerprint_of(5) == found.fingerprint
    assert found.fingerprint_of(3) == hashlib.sha256(expected[:3].tobytes()).hexdigest()


def test_the_second_time_nothing_is_decoded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cached_images(str(folder), 8)
    monkeypatch.setattr(cache, "read_images", lambda *_, **__: pytest.fail("decoded again"))
    again = cached_images(str(folder), 8)
    assert np.array_equal(first.pixels, again.pixels) and first.fingerprint == again.fingerprint
    again.pixels[:] = 0
    assert cached_images(str(folder), 8).pixels.any(), "nobody writes to the file by writing to the array"


def test_other_images_another_size_or_other_code_are_decoded_anew(
    folder: Path, cached: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cached_images(str(folder), 8)
    write(folder / "1.png", 200)
    os.utime(folder / "1.png", ns=(1, 1))
    changed = cached_images(str(folder), 8)
    assert changed.fingerprint != first.fingerprint and changed.pixels[1, 2].max() == 200
    (folder / "4.png").unlink()
    assert len(cached_images(str(folder), 8).pixels) == 4
    assert len(files(cached)) == 2, "what nobody will ask for again has gone"
    cached_images(str(folder), 16)
    assert len(files(cached)) == 4, "another size is another cache"
    monkeypatch.setattr(cache, "_code", lambda: "other")
    before = files(cached)
    cached_images(str(folder), 8)
    assert files(cached) != before


@pytest.mark.parametrize("damage", ["short pixels", "no json", "half a json", "another json"])
def test_what_is_not_whole_is_decoded_anew(damage: str, folder: Path, cached: Path) -> None:
    first, fingerprint = cached_images(str(folder), 8)
    first = first.copy()  # it is the file that is about to be damaged
    about, pixels = files(cached)
    if damage == "short pixels":
        pixels.write_bytes(pixels.read_bytes()[:-1])
    elif damage == "no json":
        about.unlink()
    else:
        about.write_text(about.read_text()[:-5] if damage == "half a json" else "[]")
    again = cached_images(str(folder), 8)
    assert np.array_equal(first, again.pixels) and fingerprint == again.fingerprint


def test_what_cannot_be_read_is_said_each_time(folder: Path, cached: Path) -> None:
    (folder / "3.png").write_bytes(b"")
    with pytest.raises(SourceError, match="1 of 5 images.*--skip-unreadable"):
        cached_images(str(folder), 8)
    assert not files(cached), "half a cache is none"
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
