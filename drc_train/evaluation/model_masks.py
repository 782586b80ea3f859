"""Masks that a run or a bundle gives labelled images: sampled from noise, tracked, or read from the training chains."""

from collections.abc import Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from drc_runtime.engines.protocol import Array
from drc_runtime.errors import TrainingError, UsageError
from drc_runtime.images import Image, list_images
from drc_runtime.inference.extractor import Extractor
from drc_runtime.inference.langevin import PosteriorSample
from drc_runtime.inference.mask import MASKS, MaskReader
from drc_runtime.inference.options import Sampling
from drc_runtime.inference.pool import ExtractorPool
from drc_runtime.inference.student import StudentExtractor
from drc_runtime.machine import available_cores
from drc_runtime.preprocess import to_tensor
from drc_train.data.evaluation import Labelled
from drc_train.data.source import image_folder
from drc_train.evaluation.gallery import Gallery
from drc_train.evaluation.metrics import partition_figures
from drc_train.evaluation.options import EvaluationOptions
from drc_train.evaluation.segmentation import BatchSegmenter, Segmentation
from drc_train.training.record import is_run

if TYPE_CHECKING:
    from drc_train.config import Config
    from drc_train.model.regions import RegionModel

BATCH = 16
"""Chains of a run that are sampled together, because most of PyTorch's time in a step is overhead of the call."""


def load_extractor(model: Path, seed: int = 0) -> Extractor:
    """An Extractor over a bundle, or over a run's checkpoint, that refines no mask; only a run imports PyTorch, in seconds."""
    if is_run(model):
        return _Run(model).extractor(1, seed)
    return Extractor(model, seed=seed, refine="none")


def model_segmenter(
    model: Path, sequence: bool, options: EvaluationOptions, gallery: Gallery | None = None
) -> BatchSegmenter:
    """Masks of a run or a bundle. Chains start cold, or in a sequence from the last frame's latent.

    Args:
        model: the run's or the bundle's folder.
        sequence: whether the images are consecutive frames; the batches must then have one image.
        options: steps, seed, temperature and start of the chains, and what follows a mask.
        gallery: draws every image.
    """
    run = _Run(model) if is_run(model) else None
    batch = options.batch or BATCH
    extractor = _extractor(model, run, 1 if sequence else batch, options, sequence)
    if not run and not sequence and extractor.manifest.background != "input":
        return _images_segmenter(extractor, model, options, gallery)
    # an image's noise does not depend on the batch
    single = _extractor(model, run, 1, options, sequence) if run else extractor
    settings, size, steps = extractor.manifest.sampler, extractor.manifest.image_size, options.steps
    rows = batch if run and not sequence else 1
    if extractor.manifest.background == "input":
        return _camera_segmenter(extractor, run, sequence, steps, gallery)
    last: Array | None = None

    def sample(images: Sequence[Image]) -> PosteriorSample:
        nonlocal last
        tensors = np.concatenate([to_tensor(image, size)[None] for image in images])
        start, taken, sizes = last, steps or settings.track_steps, None
        if start is None or not sequence:
            start = np.concatenate([single.cold.z(tensor) for tensor in tensors])
            taken = max(single.cold.steps, steps or 0) if sequence else steps or single.cold.steps
            sizes = single.cold.sizes(taken)
        padded = [*range(len(images)), *[0] * (rows - len(images))]  # the batch has a fixed size
        found = extractor.sampler.run(tensors[padded], start[padded], taken, sizes)
        last = found.z
        return found

    def segment(batch: Sequence[Labelled]) -> list[Segmentation]:
        results = []
        for first in range(0, len(batch), rows):
            part = batch[first : first + rows]
            found = sample([labelled.image for labelled in part])
            results += [_read(extractor, run, labelled, found.row(at), gallery) for at, labelled in enumerate(part)]
        return results

    return segment


def _images_segmenter(
    first: Extractor, model: Path, options: EvaluationOptions, gallery: Gallery | None
) -> BatchSegmenter:
    """Masks of a bundle for images: as many at a time as there are cores, each by an Extractor of one thread."""
    others = [_extractor(model, None, 1, options, sequence=False) for _ in range(available_cores() - 1)]
    pool, places, size = ExtractorPool([first, *others]), count(), first.manifest.image_size

    def begin(image: Image) -> Future[PosteriorSample]:
        place = next(places)

        def sample(own: Extractor) -> PosteriorSample:
            own.seek(place, options.steps)
            tensor, taken = to_tensor(image, size), options.steps or own.cold.steps
            return own.sampler.run(tensor, own.cold.z(tensor), taken, own.cold.sizes(taken)).copy()

        return pool.submit(sample)

    def segment(batch: Sequence[Labelled]) -> list[Segmentation]:
        begun = [(labelled, begin(labelled.image)) for labelled in batch]
        return [_read(first, None, labelled, future.result(), gallery) for labelled, future in begun]

    return segment


def _extractor(model: Path, run: "_Run | None", batch: int, options: EvaluationOptions, sequence: bool) -> Extractor:
    seed, refine = options.seed or 0, options.refinement(sequence)
    if run:
        return run.extractor(batch, seed, options.sampling, refine, options.device)
    threads = None if sequence else 1  # images are extracted side by side
    return Extractor(model, threads=threads, seed=seed, sampling=options.sampling, refine=refine)


def _camera_segmenter(
    extractor: Extractor, run: "_Run | None", sequence: bool, steps: int | None, gallery: Gallery | None
) -> BatchSegmenter:
    """Masks of the frames of a fixed camera in order, by a model that learns its background meanwhile."""
    if not sequence:
        raise UsageError(
            f"the model {extractor.manifest.name!r} is for the video of a fixed camera; give a clip with masks"
        )
    track, size = extractor.track(steps=steps), extractor.manifest.image_size

    def segment(batch: Sequence[Labelled]) -> list[Segmentation]:
        samples = ((labelled, track.sample(to_tensor(labelled.image, size))[0]) for labelled in batch)
        return [_read(extractor, run, labelled, sample, gallery) for labelled, sample in samples]

    return segment


def chain_segmenter(
    model: Path, data: Path, options: EvaluationOptions, gallery: Gallery | None = None
) -> BatchSegmenter:
    """Masks of the images that a run learned from, each decoded from the latent of its own training chain.

    Args:
        model: the run's folder.
        data: the folder of images that the run learned from.
        options: what follows a mask.
        gallery: draws every image.

    Raises:
        UsageError: the model is not a run, or the data is not a folder.
        TrainingError: the folder has another number of images than the run has chains.
    """
    if not is_run(model):
        raise UsageError(f"{model} is no run of drc train, and only runs keep chains; leave --chains out")
    if not data.is_dir():
        raise UsageError(f"{data} is not a folder; --chains needs the folder of images that the run learned from")
    import torch

    from drc_train.model.objective import responsibility
    from drc_train.training.checkpoint import load_chains

    run, chains = _Run(model), load_chains(model)
    places = {path.stem: index for index, path in enumerate(list_images(image_folder(data)))}
    if len(chains) != len(places) * run.config.train.sides:
        raise TrainingError(
            f"{model} has {len(chains)} chains, but {data} {len(places)} images; give the folder that it learned from"
        )
    extractor = run.extractor(1, 0, refine=options.refinement(sequence=False))

    @torch.no_grad()
    def segment(batch: Sequence[Labelled]) -> list[Segmentation]:
        z = chains[[places[labelled.name] for labelled in batch]]
        images = np.stack([to_tensor(labelled.image, extractor.manifest.image_size) for labelled in batch])
        regions = run.model(z)
        gamma = responsibility(regions, torch.from_numpy(images), run.config.model.region_likelihood())
        maps = (regions.mask, regions.foreground, regions.background, gamma)
        found = PosteriorSample(z.numpy(), np.zeros(len(z), np.float32), *(tensor.numpy() for tensor in maps))
        return [_read(extractor, run, labelled, found.row(at), gallery) for at, labelled in enumerate(batch)]

    return segment


def student_segmenter(model: Path, refine: str = "none") -> BatchSegmenter:
    """Masks of the student of a run or a bundle, one pass for each image or frame, then what ``refine`` names.

    Raises:
        UsageError: there is no student.
    """
    extractor = _Run(model).student(refine) if is_run(model) else StudentExtractor(model, refine=refine)

    def segment(batch: Sequence[Labelled]) -> list[Segmentation]:
        return [Segmentation({"student": extractor.extract(it.image).probability}, {}) for it in batch]

    return segment


class _Run:
    """A run's networks, and an Extractor over them."""

    def __init__(self, folder: Path) -> None:
        from drc_train.training.checkpoint import load_model

        self.name = folder.name
        self.model: RegionModel
        self.config: Config
        self.model, self.config, _ = load_model(folder)

    def extractor(
        self,
        batch: int,
        seed: int,
        sampling: Sampling = Sampling(),  # noqa: B008 - frozen
        refine: str = "none",
        device: str | None = None,
    ) -> Extractor:
        from drc_train.sampling.torch_engine import TorchEngine, manifest_of

        engine = TorchEngine(self.model, self.config, batch, device)
        manifest = manifest_of(self.config, self.name, self.model)
        return Extractor.over(engine, manifest, seed=seed, sampling=sampling, refine=refine)

    def student(self, refine: str) -> StudentExtractor:
        from drc_train.sampling.torch_engine import TorchEngine, manifest_of

        if self.model.student is None:
            raise UsageError(f"--student: {self.name} has none; drc train FOLDER --out RUN --student makes it")
        return StudentExtractor.over(TorchEngine(self.model, self.config), manifest_of(self.config, self.name), refine)

    def slots(self, image: Image, z: Array) -> NDArray[np.float32] | None:
        """Responsibilities ``(1 + K, H, W)`` in [0, 1] of background and slots at the network's size; None where K is 1."""
        if self.config.model.latent.foreground_slots == 1:
            return None
        import torch

        from drc_train.model.objective import slot_responsibilities

        size = self.config.model.image_size
        tensor = torch.from_numpy(to_tensor(image, (size, size)))[None]
        with torch.no_grad():
            regions = self.model(torch.from_numpy(z))
            shares = slot_responsibilities(regions, tensor, self.config.model.region_likelihood())
        return np.asarray(shares[0].numpy(), np.float32)


def _read(
    extractor: Extractor, run: _Run | None, labelled: Labelled, sample: PosteriorSample, gallery: Gallery | None
) -> Segmentation:
    readers = {reading: MaskReader(extractor.manifest, reading) for reading in MASKS}
    masks = {
        reading: extractor.refined(labelled.image, reader.probability(labelled.image, sample))
        for reading, reader in readers.items()
    }
    slots = run.slots(labelled.image, sample.z) if run else None
    if gallery is not None:
        gallery.add(labelled, sample, masks["responsibility"], slots)
    if slots is None:
        return Segmentation(masks, {})
    height, width = labelled.mask.shape
    labels = np.argmax([cv2.resize(share, (width, height), interpolation=cv2.INTER_LINEAR) for share in slots], 0)
    return Segmentation(masks, partition_figures(labels, labelled.mask))
