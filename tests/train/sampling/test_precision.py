"""The choice of the E-step's precision by its gradient."""

import pytest
import torch

from drc_train.config import Config
from drc_train.model.regions import RegionModel
from drc_train.sampling.langevin import posterior_step
from drc_train.sampling.precision import at_precision, choose_precision, gradient_cosines, tensor_float32
from drc_train.sampling.tracing import parameters_of, trace_step


def test_the_cosine_measures_what_a_precision_costs(
    tiny_model: RegionModel, tiny_config: Config, tiny_batch: tuple[torch.Tensor, ...]
) -> None:
    def step(model: RegionModel, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return posterior_step(model, *tensors, tiny_config.train)[:2]  # type: ignore[call-arg]

    graph = trace_step(step, tiny_model, tiny_batch)
    code = graph.code
    cosines = gradient_cosines(graph, parameters_of(tiny_model), *tiny_batch[:2], ("float32", "bfloat16"))
    assert cosines["float32"] == pytest.approx(1, abs=1e-9)
    assert 0.9 < cosines["bfloat16"] < 1
    assert graph.code == code, "the float32 step is not changed"
    assert at_precision(graph, "tf32") is graph


def test_the_fastest_precision_that_is_close_enough_is_chosen() -> None:
    assert choose_precision({"float16": 0.998, "bfloat16": 0.98, "tf32": 1.0}) == "float16"
    assert choose_precision({"float16": 0.0, "bfloat16": 0.98, "tf32": 1.0}) == "tf32"
    assert choose_precision({"float16": 0.5}) == "float32"


def test_tf32_is_allowed_within_the_block_only() -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    for allowed in (True, False):
        with tensor_float32(allowed):
            assert torch.get_float32_matmul_precision() == ("high" if allowed else "highest")
            assert torch.backends.cudnn.allow_tf32 is allowed
        assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == before
