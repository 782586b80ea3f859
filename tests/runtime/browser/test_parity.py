"""The runtime in JavaScript computes what the one in Python does, in a real browser with a file as its camera."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from drc_runtime.bundle.bundle import Bundle
from drc_runtime.engines.onnxruntime import OnnxRuntimeEngine
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.langevin import LangevinSampler, PosteriorSample
from drc_runtime.inference.mask import MaskReader
from drc_runtime.inference.noise import NormalNoise
from drc_runtime.preprocess import resize
from drc_runtime.samples import sample_bundle
from tests.runtime.browser.static_server import StaticServer
from tests.runtime.sinks.web.browser import Browser

FRAMES, STEPS, SIZE = 100, 3, (240, 320)

PREPARE = """(async () => {
    globalThis.drc = await import('./drc.js');
    globalThis.extractor = await drc.Extractor.load('bundle/', { threads: 1 });
    globalThis.pack = (array) => {
        const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
        let text = '';
        for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
        return btoa(text);
    };
})()"""

CAMERA = """(async () => {
    const video = document.createElement('video');
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
    await video.play();
    const context = new OffscreenCanvas(320, 240).getContext('2d', { willReadFrequently: true });
    const { sampler, reader } = extractor;
    let z = sampler.noise();
    globalThis.next = async (steps) => {
        await new Promise((done) => video.requestVideoFrameCallback(done));
        context.drawImage(video, 0, 0);
        const image = context.getImageData(0, 0, 320, 240);
        const found = await reader.read(image, async (tensor) => {
            const sample = await sampler.run(tensor, z, steps);
            z = sample.z;
            return [sample, steps];
        });
        const { probability, logOdds, logPosterior } = found;
        return {
            image: pack(image.data), probability: pack(probability), logOdds: pack(logOdds.data), logPosterior, z: pack(z),
        };
    };
})()"""


class KeptReader(MaskReader):
    """Keeps the log-odds that the last mask was made from."""

    def log_odds(self, image: np.ndarray, sample: PosteriorSample) -> np.ndarray:
        self.kept = super().log_odds(image, sample)
        return self.kept


def unpack(text: str, kind: type = np.uint8) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def to_bytes(log_odds: np.ndarray) -> np.ndarray:
    """A mask in 8 bits."""
    return np.rint(255 / (1 + np.exp(-np.clip(log_odds, -20, 20).astype(np.float64))))


def share_within(a: np.ndarray, b: np.ndarray, most: int) -> float:
    return float(np.mean(np.abs(a.astype(float) - b.astype(float)) <= most))


@pytest.fixture(scope="module")
def browser(site: Path, camera: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with StaticServer(site) as server, Browser(tmp_path_factory.mktemp("p") / "profile", camera=camera) as it:
        it.open(server.url + "bundle/manifest.json")  # of the same origin, but without the page and its worker
        it.run(PREPARE.replace("./", server.url).replace("'bundle/'", f"'{server.url}bundle/'"))
        yield it


def test_the_step_agrees_with_native(browser: Browser) -> None:
    """The bound that a reader has for a golden step: 2e-4 on z_next."""
    image = np.random.default_rng(1).uniform(-1, 1, (3, 64, 64)).astype(np.float32)
    sampler = LangevinSampler(OnnxRuntimeEngine(Bundle.load(sample_bundle("scene"))))
    sample = sampler.run(image, sampler.noise(), 1)
    given = base64.b64encode(image.tobytes()).decode()
    found = browser.run(f"""(async () => {{
        const bytes = Uint8Array.from(atob('{given}'), (it) => it.charCodeAt(0));
        const z = new drc.NormalNoise(0).draw(34);
        const sample = await extractor.sampler.run(new Float32Array(bytes.buffer), z, 1);
        return [pack(sample.z), sample.log_posterior[0]];
    }})()""")
    assert np.abs(unpack(found[0], np.float32) - sample.z[0]).max() <= 2e-4
    assert found[1] == pytest.approx(float(sample.log_posterior[0]), rel=1e-5)


@pytest.mark.parametrize("seed", [0, 1, 2**40 + 17, 2**64 - 1])
def test_noise_is_the_same(browser: Browser, seed: int) -> None:
    python = NormalNoise(seed)
    python.draw((5,))
    found = browser.run(
        f"(() => {{ const noise = new drc.NormalNoise({seed}n); noise.draw(5); return pack(noise.draw(7)); }})()"
    )
    np.testing.assert_allclose(unpack(found, np.float32), python.draw((7,)), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("size", [(480, 640), (240, 320), (97, 131), (64, 64), (50, 200), (30, 40), (1, 1)])
def test_images_are_scaled_alike(browser: Browser, size: tuple[int, int]) -> None:
    image = np.random.default_rng(size[0]).integers(0, 256, (*size, 3), dtype=np.uint8)
    given = base64.b64encode(np.dstack([image, np.full(size, 255, np.uint8)]).tobytes()).decode()
    found = browser.run(f"""(() => {{
        const data = Uint8Array.from(atob('{given}'), (it) => it.charCodeAt(0));
        return pack(drc.resize({{ data, width: {size[1]}, height: {size[0]} }}, 64, 64).data);
    }})()""")
    ours = resize(image, (64, 64))
    assert np.abs(unpack(found).reshape(64, 64, 3).astype(int) - ours).max() <= 1


def test_a_hundred_frames_of_a_camera(browser: Browser) -> None:
    """Each frame's chain starts from the browser's z in both runtimes.

    Chains that run on by themselves part: with an image that differs by 1e-6 the native runtime leaves its own masks as well
    (benchmarks/README.md), because a step is long where a frame is unlike the one before.
    """
    extractor = Extractor(sample_bundle("scene"), threads=1)
    reader = KeptReader(extractor.manifest)
    z = extractor.sampler.noise()
    browser.run(CAMERA)
    small, large, foreground = [], [], 0.0
    for frame in range(FRAMES):
        steps = STEPS if frame else extractor.manifest.sampler.cold_steps
        found: dict[str, Any] = browser.run(f"next({steps})")
        image = np.ascontiguousarray(unpack(found["image"]).reshape(*SIZE, 4)[..., :3])
        ours = reader.read(image, lambda tensor: (extractor.sampler.run(tensor, z, steps), steps))  # noqa: B023
        assert found["logPosterior"] == pytest.approx(ours.log_posterior, rel=1e-2)
        z = unpack(found["z"], np.float32).reshape(z.shape)
        small.append(share_within(to_bytes(unpack(found["logOdds"], np.float32)), to_bytes(reader.kept.ravel()), 1))
        large.append(share_within(unpack(found["probability"]), ours.probability.ravel(), 1))
        foreground = max(foreground, ours.foreground_share)
    print(
        f"network size {np.mean(small):.5f}, worst {min(small):.5f}; image size {np.mean(large):.5f}, {min(large):.5f}"
    )
    assert foreground > 0.02, "the clip has something to cut out"
    assert np.mean(small) >= 0.999
    assert np.mean(large) >= 0.999
