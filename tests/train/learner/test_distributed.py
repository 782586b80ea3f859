"""Several processes train the same model as one process."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from drc_runtime.errors import MissingDependencyError
from drc_runtime.packages import install_command
from drc_train.config import load_config
from drc_train.learner.distributed import ProcessGroup, join_process_group
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import load_model, restore

SCRIPT = Path(__file__).with_name("learn_together.py")
CPU = torch.device("cpu")


@pytest.mark.slow
def test_two_processes_learn_what_one_with_twice_the_batch_does(tmp_path: Path, tiny_overrides: list[str]) -> None:
    # short steps, because long ones amplify the last bit of a sum until the chains, not the maths, differ
    overrides = [*tiny_overrides, "train.redraw=0.2", "train.follow=0.2", "train.posterior_step_size=0.02"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--", str(SCRIPT)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(SCRIPT.parents[3])}
    subprocess.run(
        [*launch, str(tmp_path), "20", *overrides, "train.batch_size=2"], check=True, timeout=300, env=environment
    )
    together = load_file(tmp_path / "checkpoint-00000020.safetensors")

    specification = importlib.util.spec_from_file_location("learn_together", SCRIPT)
    assert specification and specification.loader
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    config = load_config("edge-32", [*overrides, "train.batch_size=4"])
    learner = Learner(config, script.images(), CPU, compiled=False, group=ProcessGroup(CPU, shards=2))
    start = {name: tensor.clone() for name, tensor in learner.model.state_dict().items()}
    for _ in range(20):
        learner.step()
    for name, tensor in learner.model.state_dict().items():
        # The gradient of these is rounding alone, which Adam scales to whole steps: an energy's bias cancels between the
        # expectations of Eq. 3, and instance normalisation removes a convolution's bias.
        nothing = name.endswith("bias") and ("energy" in name or "classifier.layers.0" in name)
        atol = 20 * max(config.train.energy_rate, config.train.generator_rate) if nothing else 1e-5
        torch.testing.assert_close(together[f"model.{name}"], tensor, rtol=1e-3, atol=atol, msg=name)
    assert any(not torch.equal(tensor, start[name]) for name, tensor in learner.model.state_dict().items())
    torch.testing.assert_close(together["chains.posterior"], learner.chains.posterior, rtol=1e-3, atol=1e-4)
    assert torch.equal(together["random"], learner.random.get_state())

    said: list[str] = []
    alone = Learner(config, script.images(), CPU, compiled=False)
    restore(tmp_path, alone, said.append)
    assert "another number of processes" in said[0]
    torch.testing.assert_close(alone.chains.posterior, together["chains.posterior"])
    alone.step()


@pytest.mark.slow
def test_the_command_learns_in_two_processes(tmp_path: Path, tiny_overrides: list[str]) -> None:
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "--no-python",
        "--",
    ]
    command = [sys.executable, "-c", "from drc_runtime.cli import main; main()", "train", "tm-dsprites:12"]
    settings = [word for override in tiny_overrides for word in ("--set", override)]
    options = ["--preset", "edge-32", "--iterations", "3", "--out", str(tmp_path / "run"), *settings]
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(SCRIPT.parents[3]),
        "TORCHDYNAMO_DISABLE": "1",
    }
    done = subprocess.run([*launch, *command, *options], timeout=300, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (done.stdout + done.stderr).count("next: drc export") == 1
    _, _, state = load_model(tmp_path / "run")
    assert state.iteration == 3


def test_a_single_process_needs_no_collectives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    alone = join_process_group()
    assert (alone.size, alone.rank, alone.is_first) == (1, 0, True)
    assert alone.any(True, False) == (True, False)
    assert alone.mean({"a": 1.0}) == {"a": 1.0}
    rows = torch.arange(6.0).reshape(3, 2)
    assert torch.equal(alone.gather(rows, 0, 3), rows)
    with alone.first_alone():
        pass


def test_several_processes_name_the_package_that_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(
        MissingDependencyError,
        match=rf"several processes needs lightning_fabric .*{re.escape(install_command('train'))}",
    ):
        join_process_group()
