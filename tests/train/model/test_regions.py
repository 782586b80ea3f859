"""The generative model's head starts: which region a pixel belongs to before anything is learned."""

import pytest
import torch

from drc_train.config import Config, load_config
from drc_train.model.regions import RegionModel, Regions, centred


def regions_of(config: Config) -> tuple[RegionModel, Regions]:
    model = RegionModel(config.model, torch.Generator().manual_seed(0))
    z = torch.randn(64, config.model.latent.total, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        return model, model(z)


def test_hill_reaches_from_its_height_to_its_depth() -> None:
    hill = centred(64)[0]
    assert hill.max() == hill[32, 32] == pytest.approx(1, abs=0.01)
    assert hill.min() == hill[0, 0] == pytest.approx(-1, abs=0.05)
    assert torch.equal(hill, hill.T) and torch.equal(hill, hill.flip(0))


@pytest.mark.parametrize("slots", [1, 3])
def test_foreground_starts_in_the_centre(tiny_overrides: list[str], slots: int) -> None:
    overrides = [*tiny_overrides, f"model.latent.foreground_slots={slots}"]
    without, plain = regions_of(load_config("edge-32", [*overrides, "model.foreground_centre=0"]))
    model, centre = regions_of(load_config("edge-32", [*overrides, "model.foreground_centre=3"]))
    assert not hasattr(without, "foreground_place")
    lifted = centre.logit - plain.logit
    torch.testing.assert_close(lifted, (3 * centred(8)).expand_as(lifted))
    assert model.generator_parameters()["foreground_place"] is model.foreground_place


def test_each_parameter_belongs_to_one_optimiser(tiny_config: Config) -> None:
    model = RegionModel(tiny_config.model)
    energies, generators = model.energy_parameters(), model.generator_parameters()
    of_energies = {name.partition(".")[0] for name in energies}
    assert of_energies == {"foreground_energy", "background_energy", "reassignment_energy"}
    assert not energies.keys() & generators.keys()
    assert energies | generators == dict(model.named_parameters())
    order = [name for name, _ in model.named_parameters()]
    assert list(generators) == [name for name in order if name in generators], "checkpoints count them in this order"
