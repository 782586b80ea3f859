"""The names at the top of ``drc_train``."""

import inspect
import subprocess
import sys

import pytest

import drc_train
from drc_train.evaluation import evaluate as evaluation
from drc_train.evaluation import options
from drc_train.training import train as module

LIGHT = "import sys, {module}; assert 'torch' not in sys.modules, 'torch was loaded'"


@pytest.mark.parametrize("module", ["drc_train", "drc_train.cli.train", "drc_train.training.record"])
def test_nothing_loads_torch_before_it_is_needed(module: str) -> None:
    done = subprocess.run([sys.executable, "-c", LIGHT.format(module=module)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_public_names_are_those_of_training_and_evaluation() -> None:
    homes = {"evaluate": evaluation, "EvaluationOptions": options}
    for name in drc_train.__all__:
        assert getattr(drc_train, name) is getattr(homes.get(name, module), name)
    with pytest.raises(AttributeError, match="no attribute 'learn'"):
        _ = drc_train.learn


def test_train_can_be_called_with_a_source_a_folder_and_a_limit() -> None:
    parameters = inspect.signature(drc_train.train).parameters
    required = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
    assert required == ["source", "out"] and len(parameters) == 8
