"""What a model of any fixed camera is given, and what its camera's state gets back."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.camera.adaptation import Adaptation
from drc_runtime.camera.background import START_FRAMES
from drc_runtime.errors import UsageError
from drc_runtime.images import Image
from drc_runtime.inference.camera_track import CameraTrack
from drc_runtime.inference.extractor import Extractor
from drc_runtime.samples import sample_bundle


class Told:
    """An engine whose responsibility is where the image differs from the background that it is given."""

    def __init__(self, extractor_manifest: object) -> None:
        entry = extractor_manifest.graphs["posterior_step"]  # type: ignore[attr-defined]
        self.inputs = {name: np.zeros(shape, np.float32) for name, shape in entry.inputs.items()}
        self.shapes = entry.outputs

    def bind(self, graph: str, outputs: Sequence[str]) -> SimpleNamespace:
        found = {name: np.zeros(self.shapes[name], np.float32) for name in outputs}

        def run() -> None:
            if "responsibility" in found:
                apart = np.abs(self.inputs["image"] - self.inputs["background"]).sum(1, keepdims=True)
                found["responsibility"][:] = apart > 0.5

        return SimpleNamespace(inputs=self.inputs, outputs=found, run=run)


def frame(with_thing: bool) -> Image:
    random = np.random.default_rng(0)
    image = np.kron(random.integers(40, 200, (8, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    if with_thing:
        image[20:40, 20:40] = 255, 0, 0
    return image


def track_of(adaptation: Adaptation = Adaptation()) -> tuple[Told, CameraTrack]:  # noqa: B008 - frozen
    manifest = Bundle.load(sample_bundle("fixed-camera")).manifest
    engine = Told(manifest)
    track = Extractor.over(engine, manifest).track(steps=1, adaptation=adaptation)
    assert isinstance(track, CameraTrack)
    return engine, track


def test_the_graph_gets_background_and_scale_and_the_state_its_responsibility() -> None:
    engine, track = track_of()
    for _ in range(START_FRAMES + 5):
        track.step(frame(False))
    mask = track.step(frame(True)).mask
    assert (mask[22:38, 22:38] == 255).all() and not mask[:16].any()
    background = engine.inputs["background"][0].transpose(1, 2, 0)
    np.testing.assert_allclose((background + 1) * 127.5, frame(False), atol=2)
    assert track.camera is not None
    np.testing.assert_allclose(engine.inputs["background_scale"][0, 0] * 127.5, track.camera.background.scale, atol=1)
    for _ in range(20):
        track.step(frame(True))
    np.testing.assert_allclose(track.camera.background.image, frame(False), atol=2)
    assert track.camera.background.states.other_seconds[30, 30] > 0.5


def test_the_state_tells_once_what_happened() -> None:
    _, track = track_of()
    for _ in range(START_FRAMES + 5):
        track.step(frame(False))
    track.step((frame(False) * 0.6).astype(np.uint8))
    assert "the light has changed" in track.take_notices()
    assert track.take_notices() == []


def test_a_picture_alone_is_refused() -> None:
    with pytest.raises(UsageError, match="for a picture alone take another model"):
        Extractor(sample_bundle("fixed-camera"), threads=1).extract(frame(False))


def test_the_bundled_model_finds_what_comes_in() -> None:
    track = Extractor(sample_bundle("fixed-camera"), threads=1).track(steps=4)
    for _ in range(START_FRAMES + 5):
        assert not track.step(frame(False)).mask.any()
    mask = track.step(frame(True)).mask
    assert (mask[22:38, 22:38] == 255).mean() > 0.9 and (mask[:14] == 0).all()
