"""Where chains begin and how they go on: IoU, log-posterior and time of pictures from noise and from the initialiser.

    python benchmarks/cold_start.py --model BUNDLE --data DATA [--every N] [--count N]

DATA is a folder or clip with masks; every ``--every``-th picture is taken, alone, at most ``--count`` of them. The bundle needs
an initialiser. All rows take the same pictures one after the other, on one thread; those from noise take the same noise. The
result goes into benchmarks/results/cold-start.json by the name of DATA.
"""

import argparse
import json
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from drc_runtime.atomic import atomic_write  # noqa: E402
from drc_runtime.bundle.manifest import Schedule  # noqa: E402
from drc_runtime.inference.extractor import Extractor  # noqa: E402
from drc_runtime.inference.schedule import relative_steps  # noqa: E402
from drc_runtime.machine import machine_name  # noqa: E402
from drc_train.data.evaluation import Labelled, load_evaluation  # noqa: E402
from drc_train.evaluation.metrics import Score  # noqa: E402

ROWS: dict[str, tuple[bool, int, Schedule | None]] = {
    "noise, 300 constant": (False, 300, None),
    "noise, 300 from 1 to 0.1": (False, 300, Schedule(1, 0.1)),
    "noise, 300 from 2 to 0.1": (False, 300, Schedule(2, 0.1)),
    "noise, 30 from 2 to 0.1": (False, 30, Schedule(2, 0.1)),
    "noise, 10 from 2 to 0.1": (False, 10, Schedule(2, 0.1)),
    "initialiser, 10 constant": (True, 10, None),
    "initialiser, 10 from 1 to 0.1": (True, 10, Schedule(1, 0.1)),
    "initialiser, 20 from 1 to 0.1": (True, 20, Schedule(1, 0.1)),
}
"""Name -> whether chains begin at the initialiser's latent, steps, and their sizes."""


def measure(bundle: Path, pictures: list[Labelled]) -> dict[str, dict[str, float]]:
    """IoU and Dice, the log-posterior, |z|^2 / D and the median milliseconds of a picture, for each row."""
    extractor = Extractor(bundle, threads=1)
    sampler, cold = extractor.sampler, extractor.cold
    if not cold.is_learned:
        raise SystemExit(f"{bundle} has no initialiser")
    found = {}
    for name, (is_learned, steps, schedule) in ROWS.items():
        score, values, lengths, seconds = Score(), [], [], []
        sampler.reseed(0)
        for picture in pictures:
            begun = time.perf_counter()

            def chain(image: np.ndarray) -> tuple:
                z = cold.z(image) if is_learned else sampler.noise()  # noqa: B023 - called before the next row
                sample = sampler.run(image, z, steps, relative_steps(schedule, steps))  # noqa: B023
                lengths.append(float(np.square(sample.z).mean()))  # noqa: B023
                return sample, steps  # noqa: B023

            extraction = extractor.reader.read(picture.image, chain)
            seconds.append(time.perf_counter() - begun)
            values.append(extraction.log_posterior)
            score.add(extraction.mask, picture.mask, picture.void)
        found[name] = score.summary() | {
            "log_posterior": float(np.mean(values)),
            "square_length": float(np.mean(lengths)),
            "milliseconds": 1000 * float(np.median(seconds)),
        }
        print(name, {key: round(value, 2) for key, value in found[name].items()}, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--name", help="of the row; default: that of DATA")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "cold-start.json")
    arguments = parser.parse_args()
    chosen = islice(load_evaluation(arguments.data), 0, None, arguments.every)
    pictures = list(islice((it for it in chosen if (it.mask > 127).any()), arguments.count))
    result = {
        "machine": machine_name(),
        "model": arguments.model.name,
        "pictures": len(pictures),
        "every": arguments.every,
        "rows": measure(arguments.model, pictures),
    }
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    results[arguments.name or Path(arguments.data).name] = result
    atomic_write(arguments.out, (json.dumps(results, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
