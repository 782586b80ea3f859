"""The figures that ``drc eval --gallery`` draws."""

from pathlib import Path

import numpy as np
import torch

from drc_runtime.images import read_image
from drc_runtime.inference.langevin import PosteriorSample
from drc_train.config import load_config
from drc_train.data.evaluation import Labelled
from drc_train.evaluation.gallery import COLUMNS, Gallery, draw_run
from drc_train.evaluation.sheet import TILE
from drc_train.figures.tiles import GAP
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import save_checkpoint
from drc_train.training.record import RunRecord

SIZE = 8
STEP = SIZE + GAP


def tile(grid: np.ndarray, row: int, column: int) -> np.ndarray:
    """A tile of a gallery, which has a margin of labels on the left."""
    grid = grid[:, grid.shape[1] - COLUMNS * STEP :]
    return grid[row * STEP : row * STEP + SIZE, column * STEP : column * STEP + SIZE]


def test_a_gallery_keeps_the_first_and_the_worst(tmp_path: Path) -> None:
    """30 images of growing brightness; the mask of number 20 and those after misses more and more of the object."""
    gallery, data = Gallery(tmp_path / "drawn"), []
    truth = np.zeros((16, 16), np.uint8)
    truth[:, :8] = 255
    for index in range(30):
        image = np.full((16, 16, 3), 8 * index, np.uint8)
        mask = truth.copy()
        mask[: max(index - 19, 0)] = 0
        maps = np.zeros((1, 1, SIZE, SIZE), np.float32), *np.zeros((2, 1, 3, SIZE, SIZE), np.float32)
        sample = PosteriorSample(np.zeros((1, 4), np.float32), np.zeros(1, np.float32), *maps)
        data += [Labelled(str(index), image, truth), Labelled("empty", image, np.zeros_like(truth))]
        for labelled in data[-2:]:
            gallery.add(labelled, sample, mask, None)
    first, worst, sheet = (read_image(path) for path in gallery.write(data))
    assert first.shape == worst.shape and first.shape[0] == 6 * STEP
    assert [int(tile(first, 0, at)[0, 0, 0]) // 8 for at in range(COLUMNS)] == list(range(COLUMNS))
    assert [int(tile(worst, 0, at)[0, 0, 0]) // 8 for at in range(10)] == list(range(29, 19, -1))
    assert not tile(worst, 5, 0)[: SIZE // 2, 0].any() and (tile(worst, 4, 0)[:, 0] == 255).all()
    last = sheet[6 * (TILE + GAP) :, sheet.shape[1] - COLUMNS * (TILE + GAP) :: TILE + GAP, 0]
    assert [int(it) // 8 for it in last[0]][-10:] == list(range(20, 30))
    assert Gallery(tmp_path / "nothing").write([]) == []


def test_what_is_drawn_of_a_run(tmp_path: Path, tiny_overrides: list[str], tiny_images: torch.Tensor) -> None:
    for overrides, names in (((), ["prior", "reassignment"]), (("model.latent.reassignment=0",), ["prior"])):
        config = load_config("edge-32", [*tiny_overrides, *overrides])
        run = tmp_path / "-".join(names)
        run.mkdir()
        save_checkpoint(
            run, Learner(config, tiny_images, torch.device("cpu"), compiled=False), RunRecord("test", "edge-32", 10)
        )
        assert [path.stem for path in draw_run(run, run / "drawn")] == names
        assert read_image(run / "drawn" / "prior.png").shape[0] == 4 * STEP
    # a column for each of the ten images' chains, and the identity
    height, width, _ = read_image(tmp_path / "prior-reassignment/drawn/reassignment.png").shape
    assert height == 3 * STEP and 11 * STEP < width < 22 * STEP
