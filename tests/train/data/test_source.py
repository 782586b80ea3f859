import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drc_runtime.errors import SourceError
from drc_train.data.source import TRAINING_SEED, is_sequence, parse_name, read_images, source_files
from drc_train.data.synthetic import tm_dsprites
from drc_train.data.synthetic.scene import draw_scene
from tests.videos import write_video

COLOURS = [(200, 30, 10), (10, 200, 30), (30, 10, 200), (90, 90, 10)]


def load_images(*arguments, **options):
    return np.stack(list(read_images(*arguments, **options)))


def write_images(folder: Path, count: int = 4) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        image = np.full((20, 30, 3), COLOURS[index], np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), image[..., ::-1])
    return folder


def write_ramp(path: Path, frames: int = 20) -> Path:
    """Frame i is grey, 10 i."""
    return write_video(path, (np.full((48, 64, 3), 10 * index, np.uint8) for index in range(frames)))


def test_a_folder_in_order_squeezed_and_rgb(tmp_path):
    images = load_images(str(write_images(tmp_path)), 16)
    assert (images.shape, images.dtype) == ((4, 16, 16, 3), np.uint8)
    assert [tuple(image[0, 0]) for image in images] == COLOURS


def test_the_images_of_a_data_set_and_not_its_masks(tmp_path):
    write_images(tmp_path / "images", 2)
    write_images(tmp_path / "masks", 4)
    assert len(load_images(str(tmp_path), 16)) == 2


def test_a_limit_is_spread_over_the_source(tmp_path):
    images = load_images(str(write_images(tmp_path)), 16, limit=2)
    assert [tuple(image[0, 0]) for image in images] == [COLOURS[0], COLOURS[2]]
    frames = load_images(str(write_ramp(tmp_path / "clip.avi")), 16, limit=4)
    assert np.abs(frames.mean(axis=(1, 2, 3)) - [0, 50, 100, 150]).max() < 3
    with pytest.raises(SourceError, match="2 or more"):
        load_images(str(tmp_path), 16, limit=1)


def test_unreadable_images_stop_the_loading_unless_told_otherwise(tmp_path):
    write_images(tmp_path)
    (tmp_path / "1.png").write_bytes(b"not an image")
    (tmp_path / "3.png").write_bytes((tmp_path / "0.png").read_bytes()[:40])
    with pytest.raises(SourceError, match=r"2 of 4 images .*1\.png is not an image.*--skip-unreadable") as raised:
        load_images(str(tmp_path), 16)
    assert "\n" not in str(raised.value)
    with pytest.warns(UserWarning, match="2 of 4 images"):
        images = load_images(str(tmp_path), 16, skip_unreadable=True)
    assert [tuple(image[0, 0]) for image in images] == [COLOURS[0], COLOURS[2]]


def test_every_frame_of_a_video(tmp_path):
    frames = load_images(str(write_ramp(tmp_path / "clip.avi")), 16)
    assert frames.shape == (20, 16, 16, 3)
    assert np.abs(frames.mean(axis=(1, 2, 3)) - 10 * np.arange(20)).max() < 3


def test_a_video_cut_short_is_noticed(tmp_path):
    data = write_ramp(tmp_path / "whole.avi").read_bytes()
    cut = tmp_path / "cut.avi"
    cut.write_bytes(data[: len(data) * 3 // 4])
    with pytest.raises(SourceError, match="(cut short|could not be decoded).*--skip-unreadable"):
        load_images(str(cut), 16)
    with pytest.warns(UserWarning, match="cut short|could not be decoded"):
        assert 2 <= len(load_images(str(cut), 16, skip_unreadable=True)) < 20


def test_what_is_no_source(tmp_path, capfd):
    text = tmp_path / "text.mp4"
    text.write_text("this is not a video")
    (tmp_path / "empty").mkdir()
    image = write_images(tmp_path / "images", 1) / "0.png"
    for source, reason in [
        (text, "not a video"),
        (tmp_path / "empty", "no images"),
        (tmp_path / "missing", "does not exist"),
        (image, "single image"),
        ("tm-dsprites:none", "after the colon"),
        ("scene:0", "after the colon"),
    ]:
        with pytest.raises(SourceError, match=reason) as raised:
            load_images(str(source), 16)
        assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", ""), "a library printed beside the one line"


def test_named_sets_are_drawn_with_a_seed_of_training():
    expected, _ = tm_dsprites.draw(3, 24, TRAINING_SEED + 4)
    assert np.array_equal(load_images("tm-dsprites:3", 24, seed=4), expected)
    assert len(load_images("tm-dsprites:9", 24, limit=2)) == 2
    scene = load_images("scene:3", 24)
    full, _ = list(draw_scene(11, 240, 320, TRAINING_SEED, every=10))[1]
    assert np.array_equal(scene[2], cv2.resize(full, (24, 24), interpolation=cv2.INTER_AREA))


@given(st.text(max_size=12))
def test_whatever_follows_the_colon_is_a_number_or_an_error(text):
    try:
        parsed = parse_name(f"scene:{text}")
    except SourceError:
        return
    assert parsed == ("scene", int(text)) and int(text) > 0


def test_images_by_another_name_are_learned_from_and_those_not_read_are_counted(tmp_path):
    folder = write_images(tmp_path / "images", 3)
    paths = sorted(folder.iterdir())
    paths[0].rename(paths[0].with_suffix(".jfif"))
    (folder / "z.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    with pytest.raises(SourceError, match="1 of 4 images in .*z.heic is an image of the kind HEIC.*--skip-unreadable"):
        load_images(str(folder), 16)
    with pytest.warns(UserWarning, match="1 of 4 images"):
        assert len(load_images(str(folder), 16, skip_unreadable=True)) == 3


def test_a_folder_of_a_drawn_clip_is_its_clip(tmp_path):
    write_ramp(tmp_path / "clip.mp4", 6)
    (tmp_path / "masks").mkdir()
    assert is_sequence(str(tmp_path)) and source_files(str(tmp_path))[0][0].endswith("clip.mp4")
    assert len(load_images(str(tmp_path), 16)) == 6


def test_a_path_with_the_name_of_a_drawn_set_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_images(tmp_path / "scene")
    with pytest.raises(SourceError, match=r"write ./scene for the path, scene:1500 for the set"):
        load_images("scene", 16)
    assert len(load_images("./scene", 16)) == 4 and len(load_images("scene:2", 16)) == 2


def test_a_pipe_a_device_and_an_address_are_no_sources(tmp_path):
    os.mkfifo(tmp_path / "p.mp4")
    for source, reason in (
        (tmp_path / "p.mp4", "is a pipe"),
        ("/dev/zero", "is a device"),
        ("rtsp://h/x", "--learn 10m"),
    ):
        with pytest.raises(SourceError, match=reason):
            load_images(str(source), 16)
