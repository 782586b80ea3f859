"""Masks of runs: from noise in batches, from the training chains, and of several slots."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from drc_runtime.errors import EngineError, TrainingError, UsageError
from drc_runtime.inference.cut import refine
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.langevin import LangevinSampler, PosteriorSample
from drc_runtime.inference.mask import MaskReader
from drc_runtime.inference.options import Sampling
from drc_train.config import load_config
from drc_train.data.evaluation import load_evaluation
from drc_train.evaluation.evaluate import evaluate
from drc_train.evaluation.model_masks import chain_segmenter, load_extractor, model_segmenter
from drc_train.evaluation.options import EvaluationOptions
from drc_train.learner.em import Learner
from drc_train.training.checkpoint import save_checkpoint
from drc_train.training.record import RunRecord


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """19 images of 8x8, named so that their order is not that of their making; objects on the left."""
    random = np.random.default_rng(0)
    for kind in ("images", "masks"):
        (tmp_path / "data" / kind).mkdir(parents=True)
    mask = np.zeros((8, 8), np.uint8)
    mask[:, :3] = 255
    for index in range(19):
        image = random.integers(0, 256, (8, 8, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "data" / "images" / f"{(index * 7) % 19:02d}.png"), image)
        cv2.imwrite(str(tmp_path / "data" / "masks" / f"{index:02d}.png"), mask)
    return tmp_path / "data"


def run(folder: Path, data: Path, *overrides: str) -> tuple[Path, Learner]:
    images = np.stack([labelled.image for labelled in load_evaluation(str(data))])
    config = load_config("edge-32", overrides)
    learner = Learner(
        config, torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), torch.device("cpu"), compiled=False
    )
    learner.step()
    save_checkpoint(folder, learner, RunRecord("test", "edge-32", 10))
    return folder, learner


def test_a_batch_of_chains_gives_each_image_what_it_gets_alone(
    data: Path, tmp_path: Path, tiny_overrides: list[str]
) -> None:
    folder, _ = run(tmp_path, data, *tiny_overrides)
    labelled = list(load_evaluation(str(data)))
    batched = model_segmenter(folder, False, EvaluationOptions(steps=3, seed=5, refine="none"))
    found = [*batched(labelled[:16]), *batched(labelled[16:])]
    extractor = load_extractor(folder, 5)
    for (masks, _), (_, image, *_) in zip(found, labelled, strict=True):
        alone = extractor.extract(image, steps=3).probability
        assert np.abs(masks["responsibility"].astype(int) - alone).max() <= 1


def test_images_side_by_side_get_what_a_bundle_gives_them_one_after_the_other(
    data: Path, toy_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labelled = list(load_evaluation(str(data)))
    draws: list[int] = []
    seek = LangevinSampler.seek
    monkeypatch.setattr(LangevinSampler, "seek", lambda self, draw: (draws.append(draw), seek(self, draw)))
    together = model_segmenter(toy_bundle, False, EvaluationOptions(steps=3, seed=5, temperature=1.0))
    found = [*together(labelled[:16]), *together(labelled[16:])]
    extractor = Extractor(toy_bundle, threads=1, seed=5, sampling=Sampling(1.0))
    for (masks, _), it in zip(found, labelled, strict=True):
        assert np.array_equal(masks["responsibility"], extractor.extract(it.image, steps=3).probability)
    # the toy's masks do not depend on noise: each image has one draw for its start and one for each step
    assert sorted(draws) == [4 * place for place in range(19)]


def test_a_gpu_that_is_not_there_is_refused(data: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    folder, _ = run(tmp_path, data, *tiny_overrides)
    with pytest.raises(EngineError, match="--device"):
        model_segmenter(folder, False, EvaluationOptions(device="cuda"))


def test_chains_are_read_where_each_image_s_own_stands(data: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    folder, learner = run(tmp_path, data, *tiny_overrides)
    labelled = list(load_evaluation(str(data)))
    found = chain_segmenter(folder, data, EvaluationOptions(refine="none"))(labelled[3:])
    refined = chain_segmenter(folder, data, EvaluationOptions(refine="cut"))(labelled[3:])
    extractor = load_extractor(folder)
    regions = learner.model(learner.chains.posterior)
    maps = [tensor.detach().numpy() for tensor in (regions.mask, regions.foreground, regions.background)]
    for reading in ("responsibility", "mixture"):
        for index, (masks, _) in enumerate(found, start=3):
            nothing = np.zeros((1, 1), np.float32)
            sample = PosteriorSample(nothing, nothing, *(values[index : index + 1] for values in maps))
            expected = MaskReader(extractor.manifest, reading).probability(labelled[index].image, sample)
            assert np.abs(masks[reading].astype(int) - expected).max() <= 1
            again = refine(labelled[index].image, masks[reading]).probability
            np.testing.assert_array_equal(refined[index - 3].masks[reading], again)
    assert not np.array_equal(found[0][0]["mixture"], found[1][0]["mixture"])
    assert evaluate(folder, str(data), options=EvaluationOptions(chains=True))["mixture"]["images"] == 19


def test_chains_of_other_images_are_refused(data: Path, tmp_path: Path, tiny_overrides: list[str]) -> None:
    folder, _ = run(tmp_path, data, *tiny_overrides)
    with pytest.raises(UsageError, match="not a folder"):
        chain_segmenter(folder, tmp_path / "nothing", EvaluationOptions())
    with pytest.raises(UsageError, match="no run"):
        chain_segmenter(data, data, EvaluationOptions())
    (data / "images" / "03.png").unlink()
    with pytest.raises(TrainingError, match="19 chains, but .* 18 images"):
        chain_segmenter(folder, data, EvaluationOptions())


def test_slots_are_measured_as_a_partition_and_written_as_one(
    data: Path, tmp_path: Path, tiny_overrides: list[str]
) -> None:
    """What is written is read back as another method's slots are, with the same index."""
    folder, _ = run(tmp_path, data, *tiny_overrides, "model.latent.foreground_slots=2")
    options = EvaluationOptions(steps=2, gallery=tmp_path / "drawn")
    found = evaluate(folder, str(data), options=options)["responsibility"]
    drawn = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert drawn == {
        *("slots", "extractions.png", "worst.png", "sheet.png", "prior.png", "reassignment.png"),
        *("histograms.png", "heat-map.png"),
    }
    assert -1 <= found["ari"] <= 1 and -1 <= found["ari_foreground"] <= 1
    written = sorted((tmp_path / "drawn" / "slots" / "07").iterdir())
    assert [path.name for path in written] == ["0.png", "1.png", "2.png"]
    shares = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(int) for path in written]
    assert np.abs(sum(shares) - 255).max() <= 2
    again = evaluate(tmp_path / "drawn" / "slots", str(data))["all slots"]
    # ties of 8-bit masks can fall the other way
    assert again["ari"] == pytest.approx(found["ari"], abs=0.05)
    assert evaluate(folder, str(data), options=EvaluationOptions(chains=True))["responsibility"]["images"] == 19
