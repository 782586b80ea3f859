"""The validated configuration of a training run, and the shipped presets."""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import resources
from math import log2
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from drc_runtime.errors import ConfigError
from drc_train.plain_yaml import parse_yaml

SMALLEST_MAP = 4
"""Height and width of the first map of a generator, after its fully connected layer (Table S2)."""

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Width = Annotated[int, Field(ge=1, le=8192)]
"""Channels, hidden units or dimensions."""
Steps = Annotated[int, Field(ge=1, le=65536)]
"""Langevin steps; a bundle's manifest holds no more."""
Positive = Annotated[float, Field(ge=1e-9, le=1000)]
"""Step sizes and learning rates."""
Sigma = Annotated[float, Field(ge=1e-3, le=1000)]
"""A standard deviation; images are in [-1, 1], and the likelihood divides by its square."""
Weight = Annotated[float, Field(ge=0, le=1_000_000)]
"""Weight of a term of a loss."""
LARGEST_RECIPE = 1 << 20
"""Bytes of a YAML file."""

Family = Literal["laplace", "gaussian"]


class Likelihood(NamedTuple):
    """The density of a pixel around the image of its region (Appendix C.1)."""

    foreground: float
    """Sigma of the foreground; images are in [-1, 1]."""
    background: float
    """Sigma of the background."""
    family: Family = "laplace"
    unknown: float = 0.0
    """Weight of the uniform component in the foreground's density, with a given background."""
    shadow: float = 0.0
    """Weight of the shadow component in the background's density, with a given background."""
    whole_pixels: bool = False
    """Whether regions compete for whole pixels (Eqs. 5 to 7) instead of for each channel (Listing 2)."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _numbers_are_no_booleans(cls, values: Any) -> Any:
        """Pydantic takes true for 1; here it is a mistake."""
        for name, field in cls.model_fields.items() if isinstance(values, dict) else ():
            value = values.get(name)
            items = value if isinstance(value, list | tuple) else [value]
            if field.annotation is not bool and any(isinstance(item, bool) for item in items):
                raise ValueError(f"{name} is not a setting of true or false; give a number or a word")
        return values


class LatentConfig(_Section):
    """Dimensions of the latent variables (Table S1)."""

    foreground: Width
    """Dimensions of each foreground slot."""
    background: Width
    """Dimensions of the background."""
    reassignment: int = Field(ge=0, le=8192)
    """Dimensions of the pixel re-assignment; 0 disables re-assignment."""
    foreground_slots: Annotated[int, Field(ge=1, le=64)] = 1
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

    image_size: Annotated[int, Field(ge=8, le=1024)]
    """Height and width in pixels: 4 times a power of two."""
    latent: LatentConfig
    """Dimensions of the latent variables."""
    base_channels: Width
    """Channels of the generators' 4x4 map."""
    channels: tuple[Width, ...]
    """Channels after each doubling of the resolution."""
    background_channels: tuple[Width, ...] | None = None
    """As ``channels``, of the background generator alone; None uses ``channels``."""
    upsampling: Literal["nearest", "bilinear"]
    """How the generators double the resolution."""
    foreground_bias: float = Field(0.0, ge=-100, le=100)
    """Initial mask logit of the foreground. Below 0 favours the background."""
    foreground_centre: float = Field(0.0, ge=0, le=100)
    """Initial offset of the foreground's mask logit, then learned: +this in the image's centre, -this in the corners."""
    background_image: bool = False
    """Adds a learned image under changing light to the background generator. Starts at the scene without
    what stands in it for a while, see ``drc_runtime.inference.empty_scene``."""
    background_input: bool = False
    """The background picture and the scale of each of its pixels are inputs, which the runtime learns while it runs; the
    background's generator draws the local gain of the light on that picture. For any fixed camera."""
    unknown_foreground: float = Field(0.0, ge=0, le=1)
    """With ``background_input``: weight of a uniform density in the foreground's, p_f = (1 - e) p_generator + e / volume, so that
    what no region can draw is foreground. With 1 the generator's picture has no effect."""
    shadow: float = Field(0.0, ge=0, lt=1)
    """With ``background_input``: weight of the background's density in shadow: see ``drc_train.model.camera``, 0 for none."""
    foreground_categories: Width
    """Length of the foreground's symbolic vector y (section 3.1)."""
    background_categories: Width
    """Length of the background's symbolic vector y."""
    energy_width: Width = 200
    """Hidden units of the foreground's and background's energy models."""
    reassignment_energy_width: Width = 200
    """Hidden units of the re-assignment's energy model: 200 in Table S2, 400 in the released code."""
    energy_sign: Literal[-1, 1] = -1
    """Of the log-sum-exp over the logits of y in an energy: -1 is Eq. 2 with p(y | z) its softmax, 1 the released code."""
    classifier_channels: Width = 64
    """Channels of the first layer of the auxiliary classifiers; each further layer doubles them."""
    inference: Literal["langevin", "amortised"] = "langevin"
    """Langevin chains under energy-based priors, or amortised encoders under N(0, I) (a variational autoencoder, Table 2)."""
    likelihood: Family = "laplace"
    """Log-likelihood of a channel: laplace is -|difference| / (2 sigma^2), gaussian is -difference^2 / (2 sigma^2)."""
    sigma: Sigma = 0.25
    """Sigma of the likelihood; images are in [-1, 1]."""
    competition: Literal["channel", "pixel"] = "channel"
    """What regions compete for while they learn: each channel (Listing 2) or the whole pixel (Eqs. 5 to 7)."""
    foreground_spread: float = Field(1.0, ge=1, le=100)
    """Foreground sigma / background sigma. Above 1, only close matches go to the background; for static cameras."""

    @model_validator(mode="after")
    def _sizes_agree(self) -> "ModelConfig":
        doublings = log2(self.image_size / SMALLEST_MAP)
        if doublings != int(doublings) or doublings < 1:
            raise ValueError(f"image_size {self.image_size} is not 4 times a power of two (8, 16, 32, 64, 128, 256)")
        if any(len(widths) != int(doublings) for widths in (self.channels, self.background_channels or self.channels)):
            raise ValueError(f"channels needs {int(doublings)} numbers for image_size {self.image_size}")
        if self.background_input and (
            self.background_image or self.latent.reassignment or self.likelihood != "laplace"
        ):
            raise ValueError(
                "background_input needs the Laplace likelihood, no background_image, and latent.reassignment 0"
            )
        if self.background_input and self.competition == "pixel":
            raise ValueError(
                "competition has no effect with background_input, whose densities are of pixels: leave it out"
            )
        if self.background_input and self.inference != "langevin":
            raise ValueError("background_input needs Langevin inference")
        if not self.background_input and (self.unknown_foreground or self.shadow):
            raise ValueError("unknown_foreground and shadow have no effect without background_input: leave them out")
        return self

    @property
    def observed_channels(self) -> int:
        """Channels of what a chain sees: 3 of the image; with ``background_input`` 3 of the background and its scale besides."""
        return 7 if self.background_input else 3

    def region_likelihood(self, sigma: float | None = None) -> Likelihood:
        """Both regions' densities, with ``sigma`` for the background; None uses the model's sigma."""
        sigmas = (sigma or self.sigma) * self.foreground_spread, sigma or self.sigma
        return Likelihood(
            *sigmas, self.likelihood, self.unknown_foreground, self.shadow, whole_pixels=self.competition == "pixel"
        )


class TrainConfig(_Section):
    """The learner (Algorithm 1, Appendices B and C)."""

    iterations: Count
    """EM iterations of the whole run."""
    batch_size: Annotated[int, Field(ge=1, le=65536)]
    """Images of an iteration, in each process."""
    seed: int = Field(0, ge=0, lt=1 << 62)
    """Seed of weights, chains, noise and the order of the images."""
    prior_steps: Steps
    """K0, Langevin steps of the prior chain in an iteration."""
    prior_step_size: Positive = 0.4
    """Step size of the prior chain (Appendix B)."""
    posterior_steps: Steps
    """K1, Langevin steps of the posterior chain in an iteration."""
    posterior_step_size: Positive = 0.1
    """s1, step size of the posterior chain (Appendix B), also of inference."""
    redraw: float = Field(0.0, ge=0, le=1)
    """Probability that a posterior chain restarts from noise at its turn. 1 is the short-run chain of Table 2."""
    follow: float = Field(0.0, ge=0, le=1)
    """Probability that a posterior chain continues from the previous image's, as tracking does. For frames in order."""
    generator_rate: Positive
    """Learning rate of generators, classifiers and encoders (Adam)."""
    energy_rate: Positive
    """Learning rate of the energy models (Adam)."""
    beta1: float = Field(0.5, ge=0, lt=1)
    """Adam's first decay rate, of both optimisers."""
    beta2: float = Field(0.999, ge=0, lt=1)
    """Adam's second decay rate, of both optimisers."""
    m_step_sigma: Sigma
    """Sigma in the M-step's loss, not of amortised inference. 0.25 is Listing 3; 0.7071, no factor, is the released code."""
    final_m_step_sigma: Sigma | None = None
    """Final m_step_sigma after geometric decay over ``annealing`` iterations. None keeps m_step_sigma."""
    annealing: Count = 1000
    """Iterations of the decay to ``final_m_step_sigma``."""
    pseudo_label_weight: Weight = 0.1
    """Weight of the pseudo-label loss (Eq. 22)."""
    total_variation_weight: Weight = 0.01
    """Weight of the background's total variation (Eq. 23), in the E-step and the M-step."""
    orthogonal_weight: Weight = 1.0
    """Weight of the orthogonal regularisation (Eq. 24)."""
    orthogonal_squared: bool = False
    """Squares the norm of Eq. 24, as the released code does: its gradient then vanishes with the norm."""
    centre_decay: int = Field(0, ge=0, le=1_000_000_000)
    """Iterations in which ``model.foreground_centre`` falls to 1 / e, beside what is learned of it; 0 lets it stay."""
    precision: Literal["auto", "float32", "tf32", "float16", "bfloat16"] = "auto"
    """Precision of the E-step's convolutions; everything else is float32. ``auto`` is float32 on a CPU. On a GPU it is the
    fastest whose gradient is close to float32's, measured at the start (``drc_train.sampling.precision``)."""
    share_weight: Weight = 0.0
    """Weight of the mean foreground share in the M-step's loss; above 0 favours a smaller foreground."""
    divergence_weight: Weight = 1.0
    """Weight of KL(q(z | x) | N(0, I)) with amortised inference; 1 is the evidence lower bound."""
    mirror: bool = False
    """Learns also from the mirror image (left to right) of each image, with a chain of its own."""
    initialiser_steps: int = Field(3, ge=0, le=1000)
    """Steps in which the initialiser learns when the EM iterations have ended, for each of those. 0: none, so that chains of
    inference begin at noise. Amortised inference and ``background_input`` have none."""
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

    initial_steps: Steps = 10
    """Steps for a single image, from the initialiser's latent."""
    initial_start: Annotated[float, Field(ge=1e-6, le=16)] = 1.0
    """As ``start``, of ``initial_steps``."""
    initial_end: Annotated[float, Field(ge=1e-6, le=1)] = 0.1
    """As ``end``, of ``initial_steps``."""

    cold_steps: Steps = 300
    """Steps for a single image, from noise."""
    track_steps: Steps = 8
    """Steps for a frame of a video, from the previous frame's latent."""
    start: Annotated[float, Field(ge=1e-6, le=16)] = 1.0
    """What the first of ``cold_steps`` is multiplied by."""
    end: Annotated[float, Field(ge=1e-6, le=1)] = 0.1
    """What the last of them is multiplied by; between both in a straight line. With both 1 all steps are whole."""


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
        if self.train.centre_decay and not self.model.foreground_centre:
            raise ValueError("train.centre_decay has no effect without model.foreground_centre: leave it out")
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
    else:
        text = _read_recipe(Path(preset))
    values = parse_yaml(text, preset)
    if not isinstance(values, dict):
        raise ConfigError(f"{preset} is not a configuration: expected the sections model, train and sampler")
    return parse_config(values, preset, overrides)


def _read_recipe(path: Path) -> str:
    names = ", ".join(preset_names())
    try:
        if path.is_file():
            data = path.read_bytes() if path.stat().st_size <= LARGEST_RECIPE else None
            if data is None:
                raise ConfigError(f"{path} is too large for a recipe, which has a few lines of YAML; check the path")
            return data.decode(errors="replace")
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; give the recipe in it, a YAML file")
        if path.exists():
            raise ConfigError(f"{path} is no plain file; give a YAML file")
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    if path.suffix.lower() in (".yaml", ".yml") or len(path.parts) > 1:
        raise ConfigError(f"the recipe {path} does not exist; give a YAML file, or one of the presets {names}")
    nearest = get_close_matches(str(path), preset_names(), 1)
    meant = f"; did you mean {nearest[0]}?" if nearest else ""
    raise ConfigError(f"no preset {str(path)!r}{meant} Choose one of {names}, or give a YAML file")


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
        reason = _unknown(place) if first["type"] == "extra_forbidden" else first["msg"]
        raise ConfigError(f"{name}: {place}: {reason}") from error


def _unknown(place: str) -> str:
    """What to say of a key that does not exist: the nearest one."""
    known = setting_names() if "." in place else list(Config.model_fields)
    word = place.rpartition(".")[2]
    # also the right name in the wrong section, and the beginning of a name
    nearest = (
        [name for name in known if name.rpartition(".")[2] == word]
        or [name for name in known if name.startswith(place)]
        or get_close_matches(place, known, 1, 0.5)
    )
    return f"there is no such setting{f'; the nearest is {nearest[0]}' if nearest else ''}"


def setting_names() -> list[str]:
    """Every setting as ``section.key``, such as ``train.batch_size``."""

    def names(section: type[BaseModel], prefix: str) -> list[str]:
        found = []
        for name, field in section.model_fields.items():
            inner = field.annotation
            is_section = isinstance(inner, type) and issubclass(inner, BaseModel)
            found += names(inner, f"{prefix}{name}.") if is_section else [prefix + name]  # type: ignore[arg-type]
        return found

    return names(Config, "")


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
    section[keys[-1]] = parse_yaml(text, f"--set {override[:80]!r}: the value")
