"""The initialiser of a run: learned when EM has ended, kept beside the checkpoints in a file of its own."""

import time
from collections.abc import Callable
from pathlib import Path

import torch

from drc_runtime.errors import TrainingError
from drc_train.config import Config
from drc_train.learner.em import Learner
from drc_train.learner.initialiser import InitialiserLearner
from drc_train.model.initialiser import Initialiser
from drc_train.training.network_file import is_network, load_into, save_network

INITIALISER_FILE = "initialiser.safetensors"
MEASURED = 1000
"""Chains whose length is measured."""
MARK = "drc-initialiser"
"""Key in the file's header, by which it is recognised; its value is the EM iteration after which it was learned."""
SHARE = 0.2
"""Of a time limit, what is kept for the initialiser."""


def is_learned(config: Config) -> bool:
    """Whether runs of this configuration learn an initialiser.

    Not with encoders instead of chains, nor of any fixed camera, whose background the runtime learns.
    """
    model = config.model
    return bool(config.train.initialiser_steps) and model.inference == "langevin" and not model.background_input


def learn_initialiser(learner: Learner, out: Path, seconds: float, proceed: Callable[[int, int], bool]) -> str | None:
    """Learns for ``train.initialiser_steps`` steps for each iteration that the run has had, and writes the file.

    Args:
        learner: at the end of its EM iterations.
        out: the run's folder. If it has an initialiser already, and it is not damaged, learning goes on from that.
        seconds: ends it earlier.
        proceed: called before each step with its number and their count; False ends it without a file.

    Returns:
        A line for the user; None where it was ended.

    Raises:
        OutputError: the file cannot be written.
    """
    config = learner.config
    steps = config.train.initialiser_steps * learner.iteration
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.train.seed)
        network = _go_on(out, config) or Initialiser(config.model)
    network.to(learner.device).train()
    network.measure(learner.chains.take(learner.chains.spread_images(MEASURED))[0])
    learning = InitialiserLearner(learner, network, steps, config.train.seed + learner.iteration)
    begun = time.monotonic()
    done = 0
    while done < steps and time.monotonic() - begun < seconds:
        if not proceed(done, steps):
            return None
        value = learning.step()
        done += 1
    if not done:
        return None
    save_network(out / INITIALISER_FILE, network, MARK, learner.iteration)
    return (
        f"initialiser learned in {done} steps, {time.monotonic() - begun:.0f} s: log-posterior {value:.1f} before any "
        "Langevin step"
    )


def is_initialiser(path: Path) -> bool:
    """Whether a file is an initialiser that drc wrote; a damaged one is none."""
    return is_network(path, MARK)


def _go_on(run: Path, config: Config) -> Initialiser | None:
    try:
        return load_initialiser(run, config)
    except TrainingError:
        return None


def load_initialiser(run: Path, config: Config) -> Initialiser | None:
    """The initialiser of a run's folder, in evaluation mode; None if it has none.

    Raises:
        TrainingError: the file is damaged, or belongs to other networks.
    """
    path = run / INITIALISER_FILE
    if not is_learned(config) or not path.is_file():
        return None
    network = Initialiser(config.model)
    load_into(network, path, "the initialiser")
    return network
