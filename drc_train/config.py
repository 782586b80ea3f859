"""The validated configuration of a training run, and the shipped presets."""

from collections.abc import Sequence
from importlib import resources
from math import log2
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from drc_runtime.errors import ConfigError

SMALLEST_MAP = 4
"""Height and width of the first map of a generator, after its fully connected layer (Table S2)."""

Family = Literal["laplace", "gaussian"]


class Likelihood(NamedTuple):
    """The density of a pixel around the image of its region (Appendix C.1)."""

    foreground: float
    """Sigma of the foreground; images are in [-1, 1]."""
    background: float
    """Sigma of the background."""
    family: Family = "laplace"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LatentConfig(_Section):
    """Dimensions of the latent variables (Table S1)."""

    foreground: PositiveInt
    """Dimensions of each foreground slot."""
    background: PositiveInt
    """Dimensions of the background."""
    reassignment: int = Field(ge=0)
    """Dimensions of the pixel re-assignment; 0 disables re-assignment."""
    foreground_slots: PositiveInt = 1
    """K, the number of foreground slots, which compete with each other and the background (Appendix G.2)."""

    @property
    def all_foreground(self) -> int:
        """Dimensions of all foreground slots together."""
        return self.foreground_slots * self.foreground

    @property
    def total(self) -> int:
        """D, the length of z."""
        return self.all_foreground + self.background + self.reassignment


class ModelConfig(_Section):
    """The networks (Tables S1 and S2) and the likelihood (Eq. 5, Appendix C.1)."""

    image_size: PositiveInt
    """Height and width in pixels: 4 times a power of two."""
    latent: LatentConfig
    """Dimensions of the latent variables."""
    base_channels: PositiveInt
    """Channels of the generators' 4x4 map."""
    channels: tuple[PositiveInt, ...]
    """Channels after each doubling of the resolution."""
    background_channels: tuple[PositiveInt, ...] | None = None
    """As ``channels``, of the background generator alone; None uses ``channels``."""
    upsampling: Literal["nearest", "bilinear"]
    """How the generators double the resolution."""
    foreground_bias: float = 0.0
    """Initial mask logit of the foreground. Below 0 favours the background."""
    foreground_centre: float = Field(0.0, ge=0)
    """Initial offset of the foreground's mask logit: +this in the image's centre, -this in the corners. Learned afterwards.
    For objects in the middle."""
    background_image: bool = False
    """Adds a learned image under changing light to the background generator. Starts at the median of the images."""
    foreground_categories: PositiveInt
    """Length of the foreground's symbolic vector y (section 3.1)."""
    background_categories: PositiveInt
    """Length of the background's symbolic vector y."""
    energy_width: PositiveInt = 200
    """Hidden units of the foreground's and background's energy models."""
    reassignment_energy_width: PositiveInt = 200
    """Hidden units of the re-assignment's energy model."""
    classifier_channels: PositiveInt = 64
    """Channels of the first layer of the auxiliary classifiers; each further layer doubles them."""
    inference: Literal["langevin", "amortised"] = "langevin"
    """Langevin chains under energy-based priors, or amortised encoders under N(0, I) (a variational autoencoder, Table 2)."""
    likelihood: Family = "laplace"
    """Log-likelihood of a channel: laplace is -|difference| / (2 sigma^2), gaussian is -difference^2 / (2 sigma^2)."""
    sigma: PositiveFloat = 0.25
    """Sigma of the likelihood; images are in [-1, 1]."""
    foreground_spread: float = Field(1.0, ge=1)
    """Foreground sigma / background sigma. Above 1, only close matches go to the background; for static cameras."""

    @model_validator(mode="after")
    def _sizes_agree(self) -> "ModelConfig":
        doublings = log2(self.image_size / SMALLEST_MAP)
        if doublings != int(doublings) or doublings < 1:
            raise ValueError(f"image_size {self.image_size} is not 4 times a power of two (8, 16, 32, 64, 128, 256)")
        if any(len(widths) != int(doublings) for widths in (self.channels, self.background_channels or self.channels)):
            raise ValueError(f"channels needs {int(doublings)} numbers for image_size {self.image_size}")
        return self

    def region_likelihood(self, sigma: float | None = None) -> Likelihood:
        """Both regions' densities, with ``sigma`` for the background; None uses the model's sigma."""
        return Likelihood((sigma or self.sigma) * self.foreground_spread, sigma or self.sigma, self.likelihood)


class TrainConfig(_Section):
    """The learner (Algorithm 1, Appendices B and C)."""

    iterations: PositiveInt
    """EM iterations of the whole run."""
    batch_size: PositiveInt
    """Images of an iteration, in each process."""
    seed: int = Field(0, ge=0)
    """Seed of weights, chains, noise and the order of the images."""
    prior_steps: PositiveInt
    """K0, Langevin steps of the prior chain in an iteration."""
    prior_step_size: PositiveFloat = 0.4
    """Step size of the prior chain (Appendix B)."""
    posterior_steps: PositiveInt
    """K1, Langevin steps of the posterior chain in an iteration."""
    posterior_step_size: PositiveFloat = 0.1
    """s1, step size of the posterior chain (Appendix B), also of inference."""
    redraw: float = Field(0.0, ge=0, le=1)
    """Probability that a posterior chain restarts from noise at its turn. 1 is the short-run chain of Table 2."""
    follow: float = Field(0.0, ge=0, le=1)
    """Probability that a posterior chain continues from the previous image's, as tracking does. For frames in order."""
    generator_rate: PositiveFloat
    """Learning rate of generators, classifiers and encoders (Adam)."""
    energy_rate: PositiveFloat
    """Learning rate of the energy models (Adam)."""
    beta1: float = Field(0.5, ge=0, lt=1)
    """Adam's first decay rate, of both optimisers."""
    beta2: float = Field(0.999, ge=0, lt=1)
    """Adam's second decay rate, of both optimisers."""
    m_step_sigma: PositiveFloat
    """Sigma in the M-step's loss. 0.25 is Listing 3; 0.7071 drops the factor 1 / (2 sigma^2), as the released code does. Amortised
    inference does not use it."""
    final_m_step_sigma: PositiveFloat | None = None
    """Final m_step_sigma after geometric decay over ``annealing`` iterations. None keeps m_step_sigma."""
    annealing: PositiveInt = 1000
    """Iterations of the decay to ``final_m_step_sigma``."""
    pseudo_label_weight: float = Field(0.1, ge=0)
    """Weight of the pseudo-label loss (Eq. 22)."""
    total_variation_weight: float = Field(0.01, ge=0)
    """Weight of the background's total variation (Eq. 23), in the E-step and the M-step."""
    orthogonal_weight: float = Field(1.0, ge=0)
    """Weight of the orthogonal regularisation (Eq. 24)."""
    precision: Literal["auto", "float32", "tf32", "float16", "bfloat16"] = "auto"
    """Precision of the E-step's convolutions; everything else is float32. ``auto`` is float32 on a CPU. On a GPU it is the
    fastest whose gradient is close to float32's, measured at the start (``drc_train.sampling.precision``)."""
    share_weight: float = Field(0.0, ge=0)
    """Weight of the mean foreground share in the M-step's loss; above 0 favours a smaller foreground."""
    divergence_weight: float = Field(1.0, ge=0)
    """Weight of KL(q(z | x) | N(0, I)) with amortised inference; 1 is the evidence lower bound."""
    mirror: bool = False
    """Learns also from the mirror image (left to right) of each image, with a chain of its own."""
    averaging: float = Field(0.0, ge=0, lt=1)
    """Decay of an exponential moving average of the weights, for evaluation and export. 0 uses the newest weights."""

    @property
    def sides(self) -> int:
        """Chains of each image: 2 with ``mirror``, else 1."""
        return 2 if self.mirror else 1

    def m_step_sigma_at(self, iteration: int) -> float:
        """Sigma of the M-step's loss in an iteration, which is counted from 0."""
        if self.final_m_step_sigma is None:
            return self.m_step_sigma
        done = min(iteration / self.annealing, 1.0)
        return self.m_step_sigma ** (1 - done) * self.final_m_step_sigma**done


class SamplerConfig(_Section):
    """Langevin steps of inference."""

    cold_steps: PositiveInt = 300
    """Steps for a single image, from noise."""
    track_steps: PositiveInt = 8
    """Steps for a frame of a video, from the previous frame's latent."""


class Config(_Section):
    """The configuration of a training run."""

    model: ModelConfig
    train: TrainConfig
    sampler: SamplerConfig = SamplerConfig()

    @model_validator(mode="after")
    def _settings_agree(self) -> "Config":
        if self.train.mirror and self.model.background_image:
            raise ValueError(
                "a mirrored image has another background: leave out train.mirror or model.background_image"
            )
        if self.model.inference == "amortised" and self.train.pseudo_label_weight:
            raise ValueError(
                "amortised inference has no energy models that emit labels: set train.pseudo_label_weight=0"
            )
        if self.model.inference == "amortised" and self.train.final_m_step_sigma is not None:
            raise ValueError(
                "train.final_m_step_sigma has no effect with amortised inference, whose bound has model.sigma: leave it out"
            )
        return self


def preset_names() -> list[str]:
    """Names of the shipped presets, sorted."""
    folder = resources.files("drc_train") / "presets"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_config(preset: str, overrides: Sequence[str] = ()) -> Config:
    """Reads a preset by name, or a YAML file by path, and applies ``section.key=value`` overrides in order.

    Raises:
        ConfigError: the preset is unknown, the file is not YAML, or a value that is not allowed.
    """
    if preset in preset_names():
        text = (resources.files("drc_train") / "presets" / f"{preset}.yaml").read_text()
    elif Path(preset).is_file():
        text = Path(preset).read_text(errors="replace")
    else:
        raise ConfigError(f"no preset {preset!r}: choose one of {', '.join(preset_names())}, or give a YAML file")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{preset} is not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{preset} is not a configuration: expected the sections model, train and sampler")
    return parse_config(values, preset, overrides)


def parse_config(values: dict[str, Any], name: str, overrides: Sequence[str] = ()) -> Config:
    """Applies ``section.key=value`` overrides in order to plain values and validates the result.

    Args:
        values: the sections model, train and sampler; changed by the overrides.
        name: where they come from, for the message.
        overrides: in order.

    Raises:
        ConfigError: a key is missing, unknown or out of range; names the first one.
    """
    for override in overrides:
        _apply(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "configuration"
        raise ConfigError(f"{name}: {place}: {first['msg']}") from error


def _apply(values: dict[str, Any], override: str) -> None:
    path, separator, text = override.partition("=")
    keys = path.strip().split(".")
    if not separator or len(keys) < 2:
        raise ConfigError(f"--set {override!r} is not of the form section.key=value, such as train.batch_size=16")
    section = values
    for key in keys[:-1]:
        section = section.setdefault(key, {})
        if not isinstance(section, dict):
            raise ConfigError(f"--set {override!r}: {key} is a value, not a section")
    try:
        section[keys[-1]] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override!r}: the value is not YAML") from error
