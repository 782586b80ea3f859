"""What a measurement can be told, and the refusal of what would have no effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drc_runtime.bundle.bundle import read_manifest
from drc_runtime.errors import BundleError, UsageError
from drc_runtime.inference.cold_start import uses_noise
from drc_runtime.inference.options import Sampling, check_refinement, refinement
from drc_train.data.source import is_sequence
from drc_train.evaluation.external_masks import is_masks
from drc_train.training.record import is_run


@dataclass(frozen=True)
class EvaluationOptions:
    """How masks are measured; None means that an option was not given."""

    truth: Path | None = None
    """The folder of ground-truth masks, where it is not beside the data."""
    steps: int | None = None
    """Langevin steps for each image or frame; default: the model's own."""
    skip: int | None = None
    """Frames at the start of a clip that are not counted; default 20."""
    seed: int | None = None
    """Seed of the noise from which chains start; default 0."""
    temperature: float | None = None
    """Scale of the noise in the steps, in [0, 10]; default 0, which climbs to a mode of the posterior."""
    from_noise: bool = False
    """Begin chains at noise although the model has an initialiser."""
    refine: str | None = None
    """What follows the mask of an image, one of ``REFINEMENTS``; default: what ``drc run`` does."""
    student: bool = False
    """Masks of the models' students, in one pass for each image and without a chain."""
    size: int | None = None
    """Height and width to which images and masks are scaled first; default: their own size."""
    chains: bool = False
    """Take each image's latent from the run's training chains instead; the data is the folder that the run learned from."""
    gallery: Path | None = None
    """Folder for figures: the first, best, median and worst masks, samples of the prior, statistics of the data."""
    part: tuple[int, int] | None = None
    """Only the images from the first number up to the second, counted from 0; None takes all."""
    batch: int | None = None
    """Images whose chains a run samples together; default 16."""
    device: str | None = None
    """Where a run is sampled: ``cpu`` or ``cuda``; default: a GPU where there is one."""

    @property
    def sampling(self) -> Sampling:
        """How chains begin and go on."""
        return Sampling(self.temperature or 0.0, self.from_noise)

    def refinement(self, sequence: bool) -> str:
        """What follows the mask of an image; the frames of a sequence are left as they are."""
        return "none" if sequence else refinement(self.refine, self.student)


def check_options(
    options: EvaluationOptions, models: Sequence[Path], data: Sequence[str], baselines: Sequence[str]
) -> None:
    """Refuses a measurement of nothing, and options that would have no effect.

    Raises:
        UsageError: the message names the option and the way out.
    """
    if not data:
        raise UsageError("nothing to measure on: give DATA, a folder with images/ and masks/ or a clip")
    if not models and not baselines:
        raise UsageError("nothing to measure: give a run, a bundle or a folder of masks with --model, or --baseline")
    single = {"--truth": options.truth, "--chains": options.chains or None, "--gallery": options.gallery}
    for name, value in single.items():
        if value is not None and (len(models) > 1 or len(data) > 1):
            raise UsageError(f"{name} takes one model and one set of data; measure them one at a time")
    if options.chains and not (models and is_run(models[0])):
        raise UsageError("--chains needs the run of drc train that keeps the chains; give it with --model")
    sampled = [model for model in models if not is_masks(model)]
    if options.gallery is not None and not sampled:
        raise UsageError("--gallery draws what a run or a bundle extracts; give one with --model, or leave it out")
    if options.student:
        _check_student(options, sampled)
    if options.steps is not None and (options.chains or not sampled):
        raise UsageError("--steps has no effect: no Langevin chain of a run or a bundle is sampled; leave it out")
    if options.seed is not None and not (sampled and (not options.chains or options.gallery)):
        raise UsageError("--seed has no effect: no Langevin chain of a run or a bundle is sampled; leave it out")
    if options.seed is not None and sampled and not any(_draws(model, options) for model in sampled):
        raise UsageError(
            "--seed has no effect: chains begin at the bundle's initialiser and take no noise; leave it out, or add --from-noise "
            "or --temperature"
        )
    if options.temperature is not None and (options.chains or not sampled):
        raise UsageError("--temperature has no effect: no Langevin chain of a run or a bundle is sampled; leave it out")
    if options.from_noise and (options.chains or not sampled):
        raise UsageError("--from-noise has no effect: no Langevin chain of a run or a bundle is sampled; leave it out")
    runs = [model for model in models if is_run(model)]
    batched = runs and not options.chains and not all(is_sequence(name) for name in data)
    if options.batch is not None and not batched:
        raise UsageError("--batch has no effect: no run samples images here; leave it out")
    if options.device is not None and (options.chains or not runs):
        raise UsageError(
            "--device has no effect: no run is sampled here, and a bundle runs on the processor; leave it out"
        )
    check_refinement(options.refine)
    if options.refine is not None and not sampled:
        raise UsageError("--refine has no effect: no mask of a run or a bundle is read; leave it out")
    if options.refine is not None and all(is_sequence(name) for name in data):
        raise UsageError("--refine has no effect: it is for images, and the frames of a clip are tracked; leave it out")
    if options.skip is not None and not any(is_sequence(name) for name in data):
        raise UsageError("--skip has no effect: it is for the first frames of a clip, not for images; leave it out")


def _check_student(options: EvaluationOptions, models: Sequence[Path]) -> None:
    if not models:
        raise UsageError("--student is of a run or a bundle: give one with --model, or leave it out")
    others = {
        "--chains": options.chains,
        "--steps": options.steps is not None,
        "--seed": options.seed is not None,
        "--temperature": options.temperature is not None,
        "--from-noise": options.from_noise,
        "--batch": options.batch is not None,
        "--device": options.device is not None,
        "--gallery": options.gallery is not None,
    }
    given = [name for name, is_given in others.items() if is_given]
    if given:
        raise UsageError(f"{given[0]} has no effect with --student, which runs no chain: leave out one of them")


def _draws(model: Path, options: EvaluationOptions) -> bool:
    """Whether a seed may change the masks of a model: a run's initialiser is not looked for."""
    if is_run(model):
        return True
    try:
        return uses_noise(read_manifest(model), options.sampling)
    except BundleError:
        return True  # whoever loads the bundle says what is wrong
