"""The step of a fixed camera: the exported function and the engine over a run put image, background and scale together alike."""

import numpy as np
import torch

from drc_export.graphs import graphs
from drc_runtime.bundle.manifest import LIT
from drc_train.config import load_config
from drc_train.learner.em import to_network
from drc_train.model.objective import responsibility
from drc_train.model.regions import RegionModel
from drc_train.sampling.langevin import posterior_step
from drc_train.sampling.torch_engine import TorchEngine


def test_both_give_the_model_the_observation_that_it_learned_from() -> None:
    config = load_config("fixed-camera")
    model = RegionModel(config.model, torch.Generator().manual_seed(0))
    random = np.random.default_rng(0)
    stored = torch.from_numpy(random.integers(20, 200, (1, 7, 64, 64), np.uint8))
    observation = to_network(stored, torch.device("cpu"))
    np.testing.assert_allclose(observation[:, :6], stored[:, :6] / 127.5 - 1, atol=1e-6)
    np.testing.assert_allclose(observation[:, 6:] * 127.5, stored[:, 6:] / 8, atol=1e-4)  # eighths of a grey level
    z, noise = torch.randn(2, 1, config.model.latent.total, generator=torch.Generator().manual_seed(1)).unbind()
    z_next, value, regions = posterior_step(model, z, observation, noise, config.train)
    gamma = responsibility(regions, observation, config.model.region_likelihood())
    expected = {"z_next": z_next, "log_posterior": value, "responsibility": gamma, LIT: regions.background}

    (graph,) = graphs(config)
    given = {"z": z, "image": observation[:, :3], "noise": noise}
    given |= {"background": observation[:, 3:6], "background_scale": observation[:, 6:]}
    found = dict(zip(graph.outputs, graph.function(model, *(given[name] for name in graph.inputs)), strict=True))
    bound = TorchEngine(model, config).bind("posterior_step", list(expected))
    for name, tensor in given.items():
        np.copyto(bound.inputs[name], tensor.numpy())
    bound.run()
    for name, tensor in expected.items():
        np.testing.assert_allclose(found[name].detach(), tensor.detach(), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(bound.outputs[name], tensor.detach(), rtol=1e-5, atol=1e-6)
