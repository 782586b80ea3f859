"""Configuration of a learning run: every number that decides what is learned, validated, and the shipped presets."""

from collections.abc import Sequence
from importlib import resources
from math import log2
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError, model_validator

from drc_runtime.errors import ConfigError

SMALLEST_MAP = 4
"""Height and width of the map that the fully connected layer makes (Table S2)."""


Family = Literal["laplace", "gaussian"]


class Likelihood(NamedTuple):
    """Each region's density round its image (Appendix C.1)."""

    foreground: float
    """Sigma of the foreground, in the network's range [-1, 1]."""
    background: float
    """Sigma of the background."""
    family: Family = "laplace"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LatentConfig(_Section):
    """Dimensions of the latent variables (Table S1)."""

    foreground: PositiveInt
    """Of each foreground slot."""
    background: PositiveInt
    reassignment: int = Field(ge=0)
    """0 turns pixel re-assignment off: the background generator's image is used as it is."""
    foreground_slots: PositiveInt = 1
    """Foreground slots that compete with each other and the background (Appendix G.2); 1 is the two-region model."""

    @property
    def all_foreground(self) -> int:
        """Of all foreground slots together."""
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
    base_channels: PositiveInt
    """Channels of the 4x4 map."""
    channels: tuple[PositiveInt, ...]
    """Channels after each doubling of the resolution."""
    background_channels: tuple[PositiveInt, ...] | None = None
    """The background generator's own, where its image is simpler than the foreground's; None takes ``channels``."""
    upsampling: Literal["nearest", "bilinear"]
    foreground_bias: float = 0.0
    """The foreground's mask logit before learning; below 0 the background gets a head start."""
    foreground_centre: float = Field(0.0, ge=0)
    """How far the foreground's mask logit starts above ``foreground_bias`` in the image's centre, and below it in the corners:
    for objects that stand in the middle, as GrabCut's rectangle has them. It is learned from there."""
    background_image: bool = False
    """Whether the background generator adds to a learned image under changing light, which starts as the images' median."""
    foreground_categories: PositiveInt
    background_categories: PositiveInt
    """Length of the symbolic vectors y that the energy models emit (section 3.1)."""
    energy_width: PositiveInt = 200
    reassignment_energy_width: PositiveInt = 200
    classifier_channels: PositiveInt = 64
    """Channels of the auxiliary classifiers' first layer; doubled in each further one."""
    inference: Literal["langevin", "amortised"] = "langevin"
    """How latents are found: chains under energy-based priors, or encoders under N(0, I) (a variational autoencoder, Table 2)."""
    likelihood: Family = "laplace"
    """Each channel's log-likelihood: -|difference| / (2 sigma^2), or gaussian: -difference^2 / (2 sigma^2)."""
    sigma: PositiveFloat = 0.25
    """Scale of the likelihood."""
    foreground_spread: float = Field(1.0, ge=1)
    """The foreground's sigma over the background's. Above 1 the background has to be exact to win a pixel and wins it then,
    the foreground need only be near: for a static camera."""

    @model_validator(mode="after")
    def _sizes_agree(self) -> "ModelConfig":
        doublings = log2(self.image_size / SMALLEST_MAP)
        if doublings != int(doublings) or doublings < 1:
            raise ValueError(f"image_size {self.image_size} is not 4 times a power of two (8, 16, 32, 64, 128, 256)")
        if any(len(widths) != int(doublings) for widths in (self.channels, self.background_channels or self.channels)):
            raise ValueError(f"channels needs {int(doublings)} numbers for image_size {self.image_size}")
        return self

    def region_likelihood(self, sigma: float | None = None) -> Likelihood:
        """Both regions' densities, where the background's scale is ``sigma``; None takes the model's own."""
        return Likelihood((sigma or self.sigma) * self.foreground_spread, sigma or self.sigma, self.likelihood)


class TrainConfig(_Section):
    """The learner (Algorithm 1, Appendices B and C)."""

    iterations: PositiveInt
    batch_size: PositiveInt
    seed: int = Field(0, ge=0)
    prior_steps: PositiveInt
    """K0."""
    prior_step_size: PositiveFloat = 0.4
    posterior_steps: PositiveInt
    """K1."""
    posterior_step_size: PositiveFloat = 0.1
    redraw: float = Field(0.0, ge=0, le=1)
    """Chance that an image's posterior chain starts anew from noise when its turn comes; 1 is the short-run chain of Table 2."""
    follow: float = Field(0.0, ge=0, le=1)
    """Chance that an image's posterior chain starts where its predecessor's stands, as tracking does: for the frames of a
    recording, in order."""
    generator_rate: PositiveFloat
    energy_rate: PositiveFloat
    beta1: float = Field(0.5, ge=0, lt=1)
    beta2: float = Field(0.999, ge=0, lt=1)
    m_step_sigma: PositiveFloat
    """Sigma in the M-step's loss. 0.25 is Listing 3; 0.7071 drops the factor 1 / (2 sigma^2), as the released code does."""
    final_m_step_sigma: PositiveFloat | None = None
    """Where ``m_step_sigma`` has gone after ``annealing`` iterations, by equal factors; None keeps it."""
    annealing: PositiveInt = 1000
    pseudo_label_weight: float = Field(0.1, ge=0)
    total_variation_weight: float = Field(0.01, ge=0)
    orthogonal_weight: float = Field(1.0, ge=0)
    precision: Literal["auto", "float32", "tf32", "float16", "bfloat16"] = "auto"
    """Of the E-step's convolutions; norms, likelihoods and the update are float32. ``auto`` is float32 on a CPU, and on a GPU
    the fastest whose gradient is near enough to float32's, measured at the start (``drc_train.sampling.precision``)."""
    share_weight: float = Field(0.0, ge=0)
    """Weight of the mean foreground share in the M-step's loss: a gentle pull towards a smaller foreground."""
    divergence_weight: float = Field(1.0, ge=0)
    """Weight of KL(q(z | x) | N(0, I)) with amortised inference; 1 is the evidence lower bound."""
    mirror: bool = False
    """Whether each image is learned from as it is and mirrored left to right, with a chain for each."""
    averaging: float = Field(0.0, ge=0, lt=1)
    """Decay of the exponential moving average of the generators that evaluation and export use; 0 uses the newest."""

    @property
    def sides(self) -> int:
        """How many chains each image has: 2 where it is also learned from mirrored."""
        return 2 if self.mirror else 1

    def m_step_sigma_at(self, iteration: int) -> float:
        """Sigma of the M-step's loss in an iteration, counted from 0."""
        if self.final_m_step_sigma is None:
            return self.m_step_sigma
        done = min(iteration / self.annealing, 1.0)
        return self.m_step_sigma ** (1 - done) * self.final_m_step_sigma**done


class SamplerConfig(_Section):
    """Inference: posterior steps for one image from noise, and for a frame that starts at the last one's latent."""

    cold_steps: PositiveInt = 300
    track_steps: PositiveInt = 8


class Config(_Section):
    """One learning run, whole."""

    model: ModelConfig
    train: TrainConfig
    sampler: SamplerConfig = SamplerConfig()

    @model_validator(mode="after")
    def _settings_agree(self) -> "Config":
        if self.train.mirror and self.model.background_image:
            raise ValueError(
                "a mirrored image has another background; leave train.mirror or model.background_image out"
            )
        if self.model.inference == "amortised" and self.train.pseudo_label_weight:
            raise ValueError("amortised inference has no energy models to emit labels; set train.pseudo_label_weight=0")
        return self


def preset_names() -> list[str]:
    """The shipped presets."""
    folder = resources.files("drc_train") / "presets"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_config(preset: str, overrides: Sequence[str] = ()) -> Config:
    """Reads a preset by name, or a YAML file by path, and applies ``section.key=value`` overrides in order.

    Raises:
        ConfigError: no such preset, not YAML, or a value that the configuration does not allow.
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
    """Validates plain values with ``section.key=value`` overrides applied in order; ``name`` stands in the error.

    Raises:
        ConfigError: a key is missing, unknown or out of range; the first one is named.
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
