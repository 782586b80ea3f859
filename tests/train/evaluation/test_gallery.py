"""The images that training and ``drc eval --images`` draw."""

from pathlib import Path

import numpy as np
import pytest
import torch

from drc_runtime.images import read_image
from drc_runtime.inference.langevin import PosteriorSample
from drc_train.config import Config, load_config
from drc_train.data.evaluation import Labelled
from drc_train.evaluation.gallery import SHOWN, Gallery, draw_run
from drc_train.figures.grids import figure, prior_figure, reassignment_figure
from drc_train.figures.tiles import GAP, SLOT_COLOURS, assemble, extraction_tiles
from drc_train.learner.em import Learner
from drc_train.model.regions import RegionModel
from drc_train.training.checkpoint import save_checkpoint
from drc_train.training.record import RunRecord

SIZE = 8
STEP = SIZE + GAP


def model_of(config: Config) -> RegionModel:
    return RegionModel(config.model, torch.Generator().manual_seed(0))


def tile(grid: np.ndarray, row: int, column: int) -> np.ndarray:
    return grid[row * STEP : row * STEP + SIZE, column * STEP : column * STEP + SIZE]


def test_tiles_follow_fig_3() -> None:
    """A white foreground on a black background, found in the upper half and true in the left one."""
    white, black = np.ones((3, 4, 4), np.float32), -np.ones((3, 4, 4), np.float32)
    pi, truth = np.zeros((1, 4, 4), np.float32), np.zeros((1, 4, 4), np.float32)
    pi[:, :2] = truth[:, :, :2] = 1
    slots = np.stack([1 - pi[0], pi[0] / 4, pi[0] * 3 / 4])
    observed, generated, masked, background, true, mask, slot = extraction_tiles(
        0 * white, pi, white, black, pi, truth, slots
    )
    assert (observed == 128).all() and (masked == 255).all() and (background == 0).all()
    assert (generated[:2] == 255).all() and (generated[2:] == 0).all()
    assert (true[:, :2] == 255).all() and (true[:, 2:] == 0).all()
    np.testing.assert_array_equal(mask, generated)
    expected = np.rint(np.array(SLOT_COLOURS[0]) / 4 + np.array(SLOT_COLOURS[1]) * 3 / 4)
    assert (slot[:2] == expected).all() and (slot[2:] == 0).all()
    grid = assemble([[observed, true], [mask, slot]])
    assert grid.shape == (2 * (4 + GAP), 2 * (4 + GAP), 3)
    np.testing.assert_array_equal(grid[4 + GAP : 8 + GAP, :4], true)


@pytest.mark.parametrize(("slots", "rows"), [(1, 5), (2, 6)])
def test_a_training_grid_has_a_column_for_each_image(tiny_overrides: list[str], slots: int, rows: int) -> None:
    config = load_config("edge-32", [*tiny_overrides, f"model.latent.foreground_slots={slots}"])
    image = torch.rand(3, 3, SIZE, SIZE) * 2 - 1
    grid = figure(model_of(config), torch.randn(3, config.model.latent.total), image)
    assert grid.shape == (rows * STEP, 3 * STEP, 3)
    shown = torch.from_numpy(tile(grid, 0, 2).transpose(2, 0, 1) / 127.5 - 1).float()
    torch.testing.assert_close(shown, image[2], atol=0.01, rtol=0)


def test_the_prior_s_samples_show_what_they_generate(tiny_config: Config) -> None:
    model = model_of(tiny_config)
    z = torch.randn(2, tiny_config.model.latent.total)
    grid = prior_figure(model, z)
    assert grid.shape == (4 * STEP, 2 * STEP, 3)
    mask = model(z).mask[1, 0].detach().numpy() * 255
    assert np.abs(tile(grid, 3, 1)[..., 0] - mask).max() <= 1


def test_re_assignment_is_drawn_beside_the_identity(tiny_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A re-assignment that mirrors left to right has the identity's colours mirrored, and the background too."""
    model = model_of(tiny_config)
    line = (torch.arange(SIZE) * 2 + 1) / SIZE - 1
    mirrored = torch.stack((-line.expand(SIZE, SIZE), line[:, None].expand(SIZE, SIZE)))[None]
    monkeypatch.setattr(model, "_grid", lambda z, smallest: mirrored.expand(len(z), -1, -1, -1))
    grid = reassignment_figure(model, torch.randn(2, tiny_config.model.latent.total))
    identity = tile(grid, 1, 0)
    assert identity[0, :, 0].tolist() == sorted(identity[0, :, 0]) and len(set(identity[0, :, 0])) == SIZE
    assert identity[:, 0, 1].tolist() == sorted(identity[:, 0, 1])
    np.testing.assert_array_equal(tile(grid, 1, 2), identity[:, ::-1])
    np.testing.assert_allclose(tile(grid, 2, 1).astype(int), tile(grid, 0, 1)[:, ::-1], atol=1)


def test_a_gallery_keeps_the_first_and_the_worst(tmp_path: Path) -> None:
    """30 images of growing brightness; the mask of number 20 and those after misses more and more of the object."""
    gallery = Gallery(tmp_path / "drawn")
    truth = np.zeros((16, 16), np.uint8)
    truth[:, :8] = 255
    for index in range(30):
        image = np.full((16, 16, 3), 8 * index, np.uint8)
        mask = truth.copy()
        mask[: max(index - 19, 0)] = 0
        maps = np.zeros((1, 1, SIZE, SIZE), np.float32), *np.zeros((2, 1, 3, SIZE, SIZE), np.float32)
        sample = PosteriorSample(np.zeros((1, 4), np.float32), np.zeros(1, np.float32), *maps)
        gallery.add(Labelled(str(index), image, truth), sample, mask, None)
        gallery.add(Labelled("empty", image, np.zeros_like(truth)), sample, mask, None)
    first, worst = (read_image(path) for path in gallery.write())
    assert first.shape == worst.shape == (6 * STEP, SHOWN * STEP, 3)
    assert [int(tile(first, 0, at)[0, 0, 0]) // 8 for at in range(SHOWN)] == list(range(SHOWN))
    assert [int(tile(worst, 0, at)[0, 0, 0]) // 8 for at in range(10)] == list(range(29, 19, -1))
    assert not tile(worst, 5, 0)[: SIZE // 2, 0].any() and (tile(worst, 4, 0)[:, 0] == 255).all()
    assert Gallery(tmp_path / "nothing").write() == []


def test_what_is_drawn_of_a_run(tmp_path: Path, tiny_overrides: list[str], tiny_images: torch.Tensor) -> None:
    for overrides, names in (((), ["prior", "reassignment"]), (("model.latent.reassignment=0",), ["prior"])):
        config = load_config("edge-32", [*tiny_overrides, *overrides])
        run = tmp_path / "-".join(names)
        run.mkdir()
        save_checkpoint(
            run, Learner(config, tiny_images, torch.device("cpu"), compiled=False), RunRecord("test", "edge-32", 10)
        )
        assert [path.stem for path in draw_run(run, run / "drawn")] == names
        assert read_image(run / "drawn" / "prior.png").shape == (4 * STEP, SHOWN * STEP, 3)
    # a column for each of the ten images' chains, and the identity
    assert read_image(tmp_path / "prior-reassignment/drawn/reassignment.png").shape == (3 * STEP, 11 * STEP, 3)
