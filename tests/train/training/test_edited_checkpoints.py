"""Checkpoints that somebody has edited: each is one line of error, or it is a state that a run can continue from."""

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from drc_runtime.errors import TrainingError
from drc_train.config import Config
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import load_chains, load_model, read_state, restore, save_checkpoint
from drc_train.training.record import STATE_FILE, RunRecord

Tensors = dict[str, torch.Tensor]
SHAPES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "empty": lambda it: it.flatten()[:0],
    "a number": lambda it: it.flatten()[0],
    "one axis more": lambda it: it[None],
    "twice": lambda it: torch.cat([it.reshape(1, -1), it.reshape(1, -1)]),
    "float64": lambda it: it.double(),
    "int32": lambda it: it.to(torch.int32),
    "bool": lambda it: it != 0,
}
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1.5, 1e308, 10**30, 2**63, "", "x", "a\nb", "../x", "/etc/passwd", "inf", "nan"),
    *([], {}, [1], {"a": 1}, float("nan"), float("inf")),
)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Learner]]:
    """A run after one iteration, and a learner of it."""
    from drc_train.config import load_config
    from tests.train.conftest import TINY

    config: Config = load_config("edge-32", [*TINY, "train.averaging=0.9"])
    images = torch.randint(0, 256, (10, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    learner = Learner(config, images, torch.device("cpu"), compiled=False)
    learner.step()
    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    save_checkpoint(folder, learner, RunRecord("test", "edge-32", 10, seconds=1.0))
    yield folder, learner


@pytest.fixture
def edit(saved: tuple[Path, Learner], tmp_path: Path) -> Callable[[Callable[[Tensors], object]], Path]:
    """A copy of the run whose tensors a function has changed."""
    folder, _ = saved
    file = next(folder.glob("checkpoint-*.safetensors"))
    tensors = load_file(file)
    with safe_open(file, "pt") as opened:
        header = opened.metadata()

    def make(change: Callable[[Tensors], object]) -> Path:
        copied = tmp_path / "run"
        shutil.rmtree(copied, ignore_errors=True)
        shutil.copytree(folder, copied)
        changed = dict(tensors)
        change(changed)
        save_file({name: it.clone().contiguous() for name, it in changed.items()}, copied / file.name, header)
        return copied

    return make


def kinds(tensors: Tensors) -> list[str]:
    """One name of each kind: part, key and number of axes."""
    found: dict[tuple[str, ...], str] = {}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        key = rest if part == "chains" else rest.rpartition(".")[2] if "optimiser" in part else ""
        found.setdefault((part, key, str(tensor.ndim)), name)
    return list(found.values())


def refusal(load: Callable[[], object]) -> str:
    """The message; empty if it is accepted."""
    try:
        load()
    except TrainingError as error:
        assert "\n" not in str(error)
        return str(error)
    return ""


def test_tensors_of_other_names_shapes_and_types_change_nothing(
    saved: tuple[Path, Learner], edit: Callable[..., Path]
) -> None:
    """A moment of another shape than its weight was a heap corruption in the next step."""
    folder, learner = saved
    tensors = load_file(next(folder.glob("checkpoint-*.safetensors")))
    before = {name: it.clone() for name, it in learner.state_dict().tensors.items()}
    tried = 0
    for name in kinds(tensors):
        for word, change in {**SHAPES, "gone": None, "renamed": None}.items():
            if change is not None:
                made = change(tensors[name])
                if (made.shape, made.dtype) == (tensors[name].shape, tensors[name].dtype):
                    continue  # such as "a number" of a number

            def apply(found: Tensors, name: str = name, word: str = word, change: Any = change) -> None:
                old = found.pop(name)
                if change is not None:
                    found[name] = change(old)
                elif word == "renamed":
                    found[f"{name}x"] = old

            run = edit(apply)
            said = refusal(lambda run=run: restore(run, learner))
            assert said, f"{name}: {word}"
            for other in (load_model, load_chains):
                refusal(lambda run=run, other=other: other(run))
            tried += 1
    assert tried > 100
    after = learner.state_dict().tensors
    assert all(torch.equal(after[name], it) for name, it in before.items())


@pytest.mark.parametrize(
    "name",
    [
        *(f"generator_optimiser.{key}" for key in ("x.exp_avg", "999999.exp_avg", "-1.exp_avg", "0.more", "0", "")),
        *("model.more", "average.more"),
    ],
)
def test_tensors_that_belong_to_nothing_are_refused(
    saved: tuple[Path, Learner], edit: Callable[..., Path], name: str
) -> None:
    run = edit(lambda found: found.update({name: torch.zeros(3)}))
    assert "is not part of them" in refusal(lambda: restore(run, saved[1]))


@pytest.mark.parametrize("name", ["random", "noise"])
@pytest.mark.parametrize("value", [0, 255, 7])
def test_a_random_state_of_other_bytes_is_refused(
    saved: tuple[Path, Learner], edit: Callable[..., Path], name: str, value: int
) -> None:
    run = edit(lambda found: found.update({name: torch.full_like(found[name], value)}))
    assert "a random state is none of PyTorch's" in refusal(lambda: restore(run, saved[1]))


@pytest.mark.parametrize("value", [-1, 10, 2**62])
def test_an_order_of_chains_that_do_not_exist_is_refused(
    saved: tuple[Path, Learner], edit: Callable[..., Path], value: int
) -> None:
    run = edit(lambda found: found["chains.order"].fill_(value))
    assert "is not one of its chains" in refusal(lambda: restore(run, saved[1]))


def paths(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, child in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*place, key)
        yield from paths(child, (*place, key))


def test_json_values_are_one_line_or_a_state_to_continue_from(
    saved: tuple[Path, Learner], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, learner = saved
    (tmp_path / "run").mkdir()
    for file in folder.glob("*.safetensors"):
        (tmp_path / "run" / file.name).symlink_to(file)
    state = json.loads((folder / STATE_FILE).read_text())
    refused = 0
    for path in paths(state):
        if path[0] == "config" and len(path) > 2:
            continue  # each of its values has a test of its own
        for value in ODD:
            changed = copy.deepcopy(state)
            parent = changed
            for key in path[:-1]:
                parent = parent[key]
            parent[path[-1]] = value
            (tmp_path / "run" / STATE_FILE).write_text(json.dumps(changed))
            said = refusal(lambda: read_state(tmp_path / "run"))
            refused += bool(said)
            if not said and path[0] in ("iteration", "position", "tensors", "about"):
                refusal(lambda: restore(tmp_path / "run", learner))
                assert 0 <= learner.iteration < 2**53 and learner.chains.position >= 0
    assert refused > 200


@pytest.mark.parametrize("text", ["", "[]", "3", "null", "{", "\udc80", "[" * 100_000, '{"a": 1e400}', '{"a": NaN}'])
def test_text_that_is_no_state_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / STATE_FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert refusal(lambda: read_state(tmp_path))
