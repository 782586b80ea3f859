"""Changes of a traced step before it is compiled."""

import pytest
import torch

from drc_train.config import Config
from drc_train.model.regions import RegionModel
from drc_train.sampling.decompositions import training_decompositions
from drc_train.sampling.graph_passes import channels_last, low_precision_convolutions
from drc_train.sampling.langevin import posterior_step
from drc_train.sampling.tracing import parameters_of, trace_step


@pytest.fixture
def graph(tiny_model: RegionModel, tiny_config: Config, tiny_batch: tuple[torch.Tensor, ...]) -> torch.fx.GraphModule:
    def step(model: RegionModel, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return posterior_step(model, *tensors, tiny_config.train)[:2]  # type: ignore[call-arg]

    return trace_step(step, tiny_model, tiny_batch, training_decompositions())


def convolution_types(graph: torch.fx.GraphModule, *arguments: object) -> set[torch.dtype]:
    seen: set[torch.dtype] = set()

    class Recorder(torch.fx.Interpreter):
        def call_function(self, target, args, kwargs):  # type: ignore[no-untyped-def]
            result = super().call_function(target, args, kwargs)
            if target is torch.ops.aten.convolution.default:
                seen.add(result.dtype)
            return result

    with torch.no_grad():
        Recorder(graph).run(*torch.utils._pytree.tree_leaves(arguments))
    return seen


def test_channels_last_computes_the_same(
    graph: torch.fx.GraphModule, tiny_model: RegionModel, tiny_batch: tuple[torch.Tensor, ...]
) -> None:
    expected = graph(parameters_of(tiny_model), *tiny_batch)
    changed = channels_last(graph)
    assert "memory_format = torch.channels_last" in changed.code
    for found, exact in zip(changed(parameters_of(tiny_model), *tiny_batch), expected, strict=True):
        torch.testing.assert_close(found, exact)


def test_low_precision_is_that_of_the_convolutions_alone(
    graph: torch.fx.GraphModule, tiny_model: RegionModel, tiny_batch: tuple[torch.Tensor, ...]
) -> None:
    parameters = parameters_of(tiny_model)
    assert convolution_types(graph, parameters, *tiny_batch) == {torch.float32}
    half = low_precision_convolutions(graph, torch.bfloat16)
    assert convolution_types(half, parameters, *tiny_batch) == {torch.bfloat16}
    z_next, value = half(parameters, *tiny_batch)
    assert z_next.dtype == value.dtype == torch.float32
