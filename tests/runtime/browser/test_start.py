"""In the browser chains begin where Python begins them, take the same steps, and an engine is checked by the golden steps."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drc_runtime.browser.site import write_site
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.options import Sampling
from tests.conftest import SIZE
from tests.runtime.browser.static_server import StaticServer
from tests.runtime.sinks.web.browser import Browser

EXTRACT = """(async (bytes, width, height, steps) => {
    const { Extractor } = await import('/drc.js');
    const extractor = await Extractor.load('/bundle/', { threads: 1 });
    const data = Uint8ClampedArray.from(bytes);
    const image = { data, width, height };
    const { logPosterior, steps: taken } = await extractor.extract(image, steps ?? undefined);
    const track = await extractor.track().step(image);
    return [logPosterior, taken, track.logPosterior, track.steps];
})"""

LOAD = """(async () => {
    const { Extractor } = await import('/drc.js');
    return await Extractor.load('/bundle/', { threads: 1 }).then(() => 'loaded', (error) => error.message);
})()"""


@pytest.fixture
def site(tmp_path: Path, package: dict[str, bytes], initialised_bundle: Path) -> Path:
    write_site(initialised_bundle, tmp_path / "site")
    return tmp_path / "site"


@pytest.fixture
def browser(site: Path, tmp_path: Path) -> Iterator[Browser]:
    with StaticServer(site) as server, Browser(tmp_path / "profile") as it:
        it.open(server.url)
        yield it


@pytest.mark.parametrize("steps", [None, 7])
def test_an_image_and_a_first_frame_are_those_of_python(
    browser: Browser, initialised_bundle: Path, steps: int | None
) -> None:
    height, width = SIZE
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    rgba = np.dstack([image, np.full((height, width), 255, np.uint8)])
    found = browser.run(f"{EXTRACT}({rgba.reshape(-1).tolist()}, {width}, {height}, {json.dumps(steps)})")
    ours = Extractor(initialised_bundle, threads=1)
    still, frame = ours.extract(image, steps=steps), ours.track().step(image)
    assert found[1::2] == [still.steps, frame.steps] == [steps or 3, 3]
    np.testing.assert_allclose(found[::2], [still.log_posterior, frame.log_posterior], rtol=1e-5)
    noise = Extractor(initialised_bundle, threads=1, sampling=Sampling(from_noise=True)).extract(image)
    assert noise.steps == 6 and abs(noise.log_posterior - still.log_posterior) > 0.1


def test_an_engine_that_computes_something_else_is_refused(browser: Browser, site: Path) -> None:
    assert browser.run(LOAD) == "loaded"
    manifest = site / "bundle" / "manifest.json"
    shutil.copy(manifest, site / "kept.json")
    values = json.loads(manifest.read_text())
    values["golden"]["second"]["log_posterior"] += 1
    manifest.write_text(json.dumps(values))
    assert "does not compute what the model 'toy' does" in browser.run(LOAD)
