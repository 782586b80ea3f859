"""The synthetic data sets as folders, and the samples that were drawn with them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.images import read_image
from drc_train.data.evaluation import load_evaluation
from drc_train.data.synthetic import draw, tm_dsprites
from drc_train.data.synthetic.draw import draw_data_set
from drc_train.data.synthetic.scene import draw_scene

SAMPLES = Path(__file__).parents[4] / "samples"


def test_images_come_back_as_drawn(tmp_path):
    folder = tmp_path / "new" / "set"
    assert draw_data_set("tm-dsprites", folder, 3, 24, 9) == 3
    images, masks = tm_dsprites.draw(3, 24, 9)
    assert sorted(path.name for path in folder.iterdir()) == ["images", "masks"]
    for index in range(3):
        assert np.array_equal(read_image(folder / "images" / f"{index:05d}.png"), images[index])
        mask = cv2.imread(str(folder / "masks" / f"{index:05d}.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(mask, masks[index])


@pytest.mark.parametrize(("name", "shape"), [("scene", (96, 128)), ("sprites", (96, 96))])
def test_clips_come_back_nearly_as_drawn(tmp_path, name, shape):
    folder = tmp_path / name
    assert draw_data_set(name, folder, 40, 96, 3) == 40
    drawn = draw_scene(40, *shape, 3) if name == "scene" else zip(*tm_dsprites.draw_clip(40, 96, 3), strict=True)
    found = list(load_evaluation(str(folder / "clip.mp4")))
    assert len(found) == 40
    for item, (image, mask) in zip(found, drawn, strict=True):
        assert np.array_equal(item.mask, mask)
        assert np.abs(item.image.astype(int) - image).mean() < 8


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        draw_data_set("tm-dsprites", tmp_path, 2, 16, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(OutputError, match="notes.txt"):
        draw_data_set("tm-dsprites", tmp_path / "notes.txt", 2, 16, 0)


def test_a_failure_on_the_way_leaves_nothing(tmp_path, monkeypatch):
    def full_disk(count, size, seed):
        yield from tm_dsprites.draw_each(1, size, seed)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(draw, "draw_scene", lambda count, height, width, seed: full_disk(count, height, seed))
    with pytest.raises(OutputError, match="No space left"):
        draw_data_set("scene", tmp_path, 3, 16, 0)
    assert not list(tmp_path.iterdir())
    assert draw_data_set("tm-dsprites", tmp_path, 1, 16, 0) == 1


@pytest.mark.parametrize(
    ("name", "count", "size", "seed"),
    [("mnist", 2, 32, 0), ("scene", 0, 32, 0), ("scene", 2, 33, 0), ("tm-dsprites", 2, 8, 0), ("sprites", 2, 32, -1)],
)
def test_what_cannot_be_drawn(tmp_path, name, count, size, seed):
    with pytest.raises(UsageError):
        draw_data_set(name, tmp_path / "set", count, size, seed)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(("name", "frames", "limit"), [("scene", 300, 2.0), ("sprites", 150, 0.7)])
def test_the_bundled_samples_are_seed_one_and_fit_their_masks(name, frames, limit):
    clip = SAMPLES / name / "clip.mp4"
    assert clip.stat().st_size < limit * 1e6
    found = list(load_evaluation(str(clip)))
    assert len(found) == frames == len(list((SAMPLES / name / "masks").iterdir()))
    if name == "scene":
        drawn = list(draw_scene(frames, 240, 320, 1, every=50))
        found = found[::50]
    else:
        drawn = list(zip(*tm_dsprites.draw_clip(frames, 128, 1), strict=True))
    for item, (image, mask) in zip(found, drawn, strict=True):
        # Another platform's arithmetic may tip a pixel of the edge over.
        assert (item.mask != mask).mean() < 1e-3
        assert np.abs(item.image.astype(int) - image).mean() < 6
