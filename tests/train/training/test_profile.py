"""``drc train --profile``."""

import json
from pathlib import Path

import torch

from drc_train.config import Config
from drc_train.learner.em import PARTS, Learner
from drc_train.training.profile import MEASURED, TRACE_FILE, WARM_UP, profile_iterations


def test_a_profile_names_each_part_of_an_iteration(
    tiny_config: Config, tiny_images: torch.Tensor, tmp_path: Path
) -> None:
    learner = Learner(tiny_config, tiny_images, torch.device("cpu"), compiled=False)
    table = profile_iterations(learner, tmp_path)
    rows = {line[:20].strip(): float(line[20:].split()[0]) for line in table.splitlines()[: len(PARTS)]}
    assert tuple(rows) == PARTS
    assert all(0 < rows[part] < rows["iteration"] for part in PARTS[1:])
    assert "aten::" in table and learner.iteration == WARM_UP + MEASURED
    assert json.loads((tmp_path / TRACE_FILE).read_text())["traceEvents"]
