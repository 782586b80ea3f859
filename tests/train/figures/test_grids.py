"""The grids of a run."""

import numpy as np
import pytest
import torch

from drc_train.config import Config, load_config
from drc_train.figures.grids import figure, prior_figure, reassignment_figure
from drc_train.figures.tiles import GAP
from drc_train.model.regions import RegionModel

SIZE = 8
STEP = SIZE + GAP


def model_of(config: Config) -> RegionModel:
    return RegionModel(config.model, torch.Generator().manual_seed(0))


def tile(grid: np.ndarray, row: int, column: int, columns: int) -> np.ndarray:
    """A tile of a grid with a margin of labels on the left."""
    tiles = grid[:, grid.shape[1] - columns * STEP :]
    return tiles[row * STEP : row * STEP + SIZE, column * STEP : column * STEP + SIZE]


@pytest.mark.parametrize(("slots", "rows"), [(1, 5), (2, 6)])
def test_a_training_grid_has_a_column_for_each_image(tiny_overrides: list[str], slots: int, rows: int) -> None:
    config = load_config("edge-32", [*tiny_overrides, f"model.latent.foreground_slots={slots}"])
    image = torch.rand(3, 3, SIZE, SIZE) * 2 - 1
    grid = figure(model_of(config), torch.randn(3, config.model.latent.total), image)
    assert grid.shape[0] == rows * STEP
    shown = torch.from_numpy(tile(grid, 0, 2, 3).transpose(2, 0, 1) / 127.5 - 1).float()
    torch.testing.assert_close(shown, image[2], atol=0.01, rtol=0)


def test_the_prior_s_samples_show_what_they_generate(tiny_config: Config) -> None:
    model = model_of(tiny_config)
    z = torch.randn(2, tiny_config.model.latent.total)
    grid = prior_figure(model, z)
    assert grid.shape[0] == 4 * STEP
    mask = model(z).mask[1, 0].detach().numpy() * 255
    assert np.abs(tile(grid, 3, 1, 2)[..., 0] - mask).max() <= 1


def test_re_assignment_is_drawn_beside_the_identity(tiny_config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A re-assignment that mirrors left to right has the identity's colours mirrored, and the background too."""
    model = model_of(tiny_config)
    line = (torch.arange(SIZE) * 2 + 1) / SIZE - 1
    mirrored = torch.stack((-line.expand(SIZE, SIZE), line[:, None].expand(SIZE, SIZE)))[None]
    monkeypatch.setattr(model, "_grid", lambda z, smallest: mirrored.expand(len(z), -1, -1, -1))
    grid = reassignment_figure(model, torch.randn(2, tiny_config.model.latent.total))
    identity = tile(grid, 1, 0, 3)
    assert identity[0, :, 0].tolist() == sorted(identity[0, :, 0]) and len(set(identity[0, :, 0])) == SIZE
    assert identity[:, 0, 1].tolist() == sorted(identity[:, 0, 1])
    np.testing.assert_array_equal(tile(grid, 1, 2, 3), identity[:, ::-1])
    np.testing.assert_allclose(tile(grid, 2, 1, 3).astype(int), tile(grid, 0, 1, 3)[:, ::-1], atol=1)
