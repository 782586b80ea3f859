"""State that goes from frame to frame: tracking and the camera's background, against the same vectors and the Python code."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from drc_runtime.bundle.manifest import Manifest
from drc_runtime.errors import BundleError
from tests.runtime.browser.static_server import StaticServer
from tests.runtime.inference.test_tracking import VECTORS
from tests.runtime.sinks.web.browser import Browser

SIDE, FRAMES = 32, 120

TOY = """(async (target, { reach, steps, budget }) => {
    const { Track } = await import('/drc.js');
    const empty = new Float32Array(1);
    const sampler = {
        noise: () => Float32Array.of(100),
        run: async (image, z, count) => {
            let at = z[0];
            for (let i = 0; i < count; i++) if (Math.abs(image - at) < reach) at = Math.fround(at + 0.1 * (image - at));
            return { z: Float32Array.of(at), log_posterior: [-100 - (image - at) ** 2], mask: empty, foreground: empty };
        },
    };
    const reader = { read: async (image, chain) => chain(image) };
    const settings = { cold_steps: 60, track_steps: 4 };
    const track = new Track(sampler, reader, settings, steps, budget ?? undefined);
    const found = [];
    for (const each of target) {
        const [sample, taken] = await track.step(each);
        found.push([sample.z[0], taken, track.restarts]);
    }
    return found;
})"""

CAMERA = """(async (frames, responsibilities) => {
    const { FixedCamera } = await import('/camera.js');
    const floats = (text) => new Float32Array(Uint8Array.from(atob(text), (it) => it.charCodeAt(0)).buffer);
    const [pictures, foreground, plane] = [floats(frames), floats(responsibilities), SIDE * SIDE];
    const camera = new FixedCamera(pictures.slice(0, 3 * plane), SIDE, SIDE);
    const found = [];
    for (let at = 0; at < foreground.length; at += plane) {
        const { background, scale } = camera.look(pictures.slice(3 * at, 3 * (at + plane)), 0.04);
        if (at / plane % 10 === 0) found.push([[...background], [...scale]]);
        camera.learn(foreground.slice(at, at + plane), 0.04);
    }
    return found;
})""".replace("SIDE", str(SIDE))


WATCH = (
    CAMERA.replace(
        "camera.learn(foreground",
        "told.push(...camera.watch.notices.splice(0).map((line) => [at / plane, line])); camera.learn(foreground",
    )
    .replace("const found = [];", "const [found, told] = [[], []];")
    .replace("return found;", "return [found, told];")
)


@pytest.fixture(scope="module")
def browser(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with StaticServer(site) as server, Browser(tmp_path_factory.mktemp("p") / "profile") as it:
        it.open(server.url + "bundle/manifest.json")  # of the same origin, but without the page and its worker
        yield it


@pytest.mark.parametrize("vector", VECTORS, ids=[it["name"] for it in VECTORS])
def test_tracking_decides_as_the_vectors_say(browser: Browser, vector: dict[str, Any]) -> None:
    targets = [frame[0] for frame in vector["frames"]]
    settings = {key: vector[key] for key in ("reach", "steps", "budget")}
    found = browser.run(f"{TOY}({json.dumps(targets)}, {json.dumps(settings)})")
    for (z, steps, restarts), frame in zip(found, vector["frames"], strict=True):
        assert z == pytest.approx(frame[1], abs=2e-3) and [steps, restarts] == frame[2:]


def test_the_background_of_a_camera_is_learned_alike(browser: Browser) -> None:
    """A thing comes and stays, another leaves and is a ghost, and the light changes all the while."""
    module = pytest.importorskip("drc_runtime.camera.fixed_camera", reason="this runtime knows no fixed cameras")
    generator = np.random.default_rng(0)
    empty = cv2.GaussianBlur(generator.uniform(30, 220, (SIDE, SIDE, 3)).astype(np.float32), (0, 0), 3)
    empty = (empty - empty.mean()) * 6 + 128
    frames = np.empty((FRAMES, SIDE, SIDE, 3), np.float32)
    responsibilities = np.zeros((FRAMES, SIDE, SIDE), np.float32)
    for index in range(FRAMES):
        frame = empty * (1 + 0.1 * np.sin(index / 20)) + generator.normal(0, 2, empty.shape)
        left = min(index // 3, 20)
        if index < 90:
            frame[8:18, left : left + 8] = (220, 40, 30)
            responsibilities[index, 8:18, left : left + 8] = 0.97
        if index < 60:
            frame[22:28, 4:12] = (20, 40, 230)
        else:
            responsibilities[index, 22:28, 4:12] = 0.9
        frames[index] = np.clip(frame, 0, 255)
    given = [base64.b64encode(it.tobytes()).decode() for it in (frames, responsibilities)]
    found = browser.run(f"{CAMERA}({json.dumps(given[0])}, {json.dumps(given[1])})")
    camera = module.FixedCamera(frames[0])
    for index, (frame, responsibility) in enumerate(zip(frames, responsibilities, strict=True)):
        view = camera.look(frame, 0.04)
        if index % 10 == 0:
            background, scale = found[index // 10]
            np.testing.assert_allclose(np.ravel(view.background), background, atol=0.1)
            np.testing.assert_allclose(np.ravel(view.scale), scale, atol=0.02)
        camera.learn(responsibility, 0.04)
    np.testing.assert_allclose(camera.background.image[22:28, 4:12], empty[22:28, 4:12], atol=12)


def disturbed() -> np.ndarray:
    """A drawn place, ``(F, SIDE, SIDE, 3)``: light falls, the camera is moved, covered, grey, dark, and stands still."""
    generator = np.random.default_rng(4)
    room = cv2.GaussianBlur(generator.uniform(0, 255, (SIDE, SIDE, 3)).astype(np.float32), (0, 0), 2)
    room = np.clip((room - room.mean()) * 3 + 125, 20, 235)
    moved = cv2.warpAffine(room, np.array([[1, 0, 1.6], [0, 1, -1.2]], np.float32), (SIDE, SIDE), borderMode=1)
    grey = cv2.cvtColor(cv2.cvtColor(moved, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    hand = (120 + 0.1 * generator.normal(0, 40, room.shape)).astype(np.float32)
    dark = np.full_like(room, 3)
    parts = [(room, 35), (0.65 * room, 35), (room, 30), (moved, 40), (hand, 15), (moved, 10), (grey, 15), (moved, 10)]
    frames = []
    for picture, count in [*parts, (dark, 12), (moved, 10)]:
        for _ in range(count):
            noise = generator.normal(0, 0.3 if picture is dark else 1.5, picture.shape)
            noise = noise if picture is not grey else np.repeat(noise[..., :1], 3, 2)
            frames.append(np.clip(picture + noise, 0, 255))
    return np.stack([*frames, *30 * [frames[-1]]]).astype(np.float32)


def test_what_happens_to_the_camera_is_noticed_and_answered_alike(browser: Browser) -> None:
    from drc_runtime.camera.fixed_camera import FixedCamera
    from drc_runtime.camera.plain import plain_log_odds

    frames = disturbed()
    camera, given, views, told = FixedCamera(frames[0]), [], [], []
    for index, frame in enumerate(frames):
        view = camera.look(frame, 0.04)
        views.append((view.background.ravel(), view.scale.ravel().copy()))
        told += [[index, line] for line in camera.watch.notices]
        camera.watch.notices.clear()
        odds = plain_log_odds(frame, view.background, view.scale)
        given.append((1 / (1 + np.exp(-np.clip(odds, -30, 30)))).astype(np.float32))
        camera.learn(given[-1], 0.04)
    packed = [base64.b64encode(np.ascontiguousarray(it).tobytes()).decode() for it in (frames, np.stack(given))]
    found, lines = browser.run(f"{WATCH}({json.dumps(packed[0])}, {json.dumps(packed[1])})")
    assert lines == told
    for part in (
        "light has",
        "has moved",
        "covered",
        "free again",
        "no colour",
        "colour is",
        "nothing",
        "same picture",
    ):
        assert any(part in line for _, line in told), part
    for (background, scale), (expected, spread) in zip(found, views[::10], strict=True):
        np.testing.assert_allclose(background, expected, atol=0.2)
        np.testing.assert_allclose(scale, spread, atol=0.05)


def test_manifests_are_refused_with_the_same_words(browser: Browser, site: Path) -> None:
    text = (site / "bundle" / "manifest.json").read_text()
    bad = [text.replace(*change) for change in CHANGES]
    assert text not in bad
    found = browser.run(f"""(async (texts) => {{
        const {{ parseManifest }} = await import('/bundle.js');
        const said = (text) => {{ try {{ parseManifest(text); return ''; }} catch (error) {{ return error.message; }} }};
        return texts.map(said);
    }})({json.dumps([text, *bad])})""")
    assert found[0] == ""
    for manifest, message in zip(bad, found[1:], strict=True):
        with pytest.raises(BundleError) as error:
            Manifest.parse(manifest)
        if "not valid JSON" in message:
            assert "not valid JSON" in str(error.value)
        else:
            assert message == str(error.value)


CHANGES = [
    ('"name": "scene"', '"name": ""'),
    ('"name": "scene"', '"name": "scene", "name": "other"'),
    ('"name": "scene"', '"name": "' + 2000 * "a" + '"'),
    ('"name": "scene"', '"other": "scene"'),
    ('"step_size": 0.08', '"step_size": 1e30'),
    ('"step_size": 0.08', '"step_size": NaN'),
    ('"step_size": 0.08', '"step_size": 1e-12'),
    ('"step_size": 0.08', '"step_size": "0.08"'),
    ('"cold_steps": 300', '"cold_steps": 0'),
    ('"cold_steps": 300', '"cold_steps": 1.5'),
    ('"foreground": 32', '"foreground": 31'),
    ('"foreground": 32', '"foreground": 70000'),
    ('"posterior_step.onnx"', '"../posterior_step.onnx"'),
    ('"posterior_step.onnx"', '"manifest.json"'),
    ('"sha256": "d', '"sha256": "D'),
    ('"noise": [\n          1,', '"noise": [\n          2,'),
    ('"z_next"', '"z_other"'),
    ('"latent": {', '"latent": 3, "x": {'),
    ('"posterior_step": {', '"posterior_steps": {'),
]
