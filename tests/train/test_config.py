"""Presets, overrides and what is refused."""

import ast
import os
from pathlib import Path

import pytest

from drc_runtime.errors import ConfigError
from drc_train import config as config_module
from drc_train.config import Config, load_config, parse_config, preset_names


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_is_valid(name: str) -> None:
    assert isinstance(load_config(name), Config)


def test_the_presets_of_the_design_are_there() -> None:
    expected = {"birds", "dogs", "cars", "clevr6", "tm-dsprites", "edge-64", "edge-32", "objects-64", "static-camera"}
    assert expected <= set(preset_names())


@pytest.mark.parametrize(
    ("name", "latent", "orthogonal", "cold_steps", "categories"),
    [
        ("birds", (256, 256, 512), 0.1, 2500, (200, 200)),
        ("dogs", (256, 256, 512), 1.0, 300, (200, 200)),
        ("cars", (256, 192, 512), 1.0, 300, (200, 200)),
        ("clevr6", (256, 2, 256), 1.0, 5000, (30, 10)),
        ("tm-dsprites", (256, 4, 1024), 1.0, 5000, (30, 10)),
    ],
)
def test_the_paper_s_presets_have_the_paper_s_numbers(
    name: str, latent: tuple[int, ...], orthogonal: float, cold_steps: int, categories: tuple[int, int]
) -> None:
    """Tables S1 and S2, Appendices B and C."""
    config = load_config(name)
    sizes = config.model.latent
    assert (sizes.foreground, sizes.background, sizes.reassignment) == latent
    assert config.train.orthogonal_weight == orthogonal
    assert config.sampler.cold_steps == cold_steps
    assert (config.model.foreground_categories, config.model.background_categories) == categories
    assert config.model.channels == (1024, 512, 256, 128, 64) and config.model.base_channels == 128
    assert (config.model.upsampling, config.model.image_size, config.model.sigma) == ("bilinear", 128, 0.25)
    train = config.train
    assert (train.prior_steps, train.posterior_steps) == (60, 40)
    assert (train.prior_step_size, train.posterior_step_size) == (0.4, 0.1)
    assert (train.generator_rate, train.energy_rate, train.batch_size) == (1e-4, 2e-5, 48)
    assert (train.beta1, train.beta2, train.iterations) == (0.5, 0.999, 10000)
    assert (train.pseudo_label_weight, train.total_variation_weight, train.m_step_sigma) == (0.1, 0.01, 0.25)


def test_overrides_apply_in_order() -> None:
    config = load_config("edge-32", ["train.batch_size=8", "model.channels=[8, 8, 8]", "train.batch_size=16"])
    assert config.train.batch_size == 16
    assert config.model.channels == (8, 8, 8)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.batch_size", "section.key=value"),
        ("batch_size=3", "section.key=value"),
        ("train.batch_size=many", "train.batch_size"),
        ("train.batch_sise=3", "train.batch_sise"),
        ("train.batch_size.x=3", "batch_size is a value"),
        ("model.image_size=48", "4 times a power of two"),
        ("model.channels=[8]", "channels needs 3 numbers"),
        ("train.redraw=2", "train.redraw"),
        ("train.seed=[", "not YAML"),
    ],
)
def test_a_wrong_override_names_itself(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load_config("edge-32", [override])
    assert "\n" not in str(caught.value)


def test_settings_that_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="mirrored image has another background.*leave out train.mirror"):
        load_config("static-camera", ["train.mirror=true"])


def test_an_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="edge-64"):
        load_config("edge-65")


def test_a_preset_file(tmp_path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("[1, 2")
    with pytest.raises(ConfigError, match="not YAML"):
        load_config(str(path))
    path.write_text("- 1")
    with pytest.raises(ConfigError, match="expected the sections"):
        load_config(str(path))


def test_the_m_step_s_sigma_decays_geometrically() -> None:
    annealed = ["train.m_step_sigma=0.8", "train.final_m_step_sigma=0.2", "train.annealing=10"]
    train = load_config("edge-32", annealed).train
    assert [train.m_step_sigma_at(at) for at in (0, 5, 10, 99)] == pytest.approx([0.8, 0.4, 0.2, 0.2])
    constant = load_config("edge-32").train
    assert constant.m_step_sigma_at(500) == constant.m_step_sigma


def test_every_setting_is_described() -> None:
    """The source is the reference of the settings: each field has a docstring below it."""
    tree = ast.parse(Path(config_module.__file__).read_text())
    for section in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        if section.name not in ("LatentConfig", "ModelConfig", "TrainConfig", "SamplerConfig"):
            continue
        for field, below in zip(section.body, section.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign):
                described = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
                assert described, f"{section.name}.{ast.unparse(field.target)}"


def test_overrides_of_a_run_s_own_configuration() -> None:
    values = load_config("edge-32").model_dump(mode="json")
    assert parse_config(values, "run", ["train.seed=7"]).train.seed == 7
    with pytest.raises(ConfigError, match=r"^run: train\.seed: "):
        parse_config(values, "run", ["train.seed=-1"])


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("train.batch=3", "train.batch_size"),
        ("train.batch_sise=3", "train.batch_size"),
        ("model.batch_size=3", "train.batch_size"),
        ("trian.batch_size=3", "train"),
        ("model.latent.forground=3", "model.latent.foreground"),
        ("sampler.steps=3", "sampler.track_steps|sampler.cold_steps"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest(override: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no such setting; the nearest is ({nearest})$"):
        load_config("edge-32", [override])


@pytest.mark.parametrize(
    "override",
    [
        *(f"model.sigma={value}" for value in ("1.0e-200", "1.0e-20", "9.0e+8", ".inf", ".nan", "-.inf", "true", "0")),
        *(f"train.{name}=.nan" for name in ("generator_rate", "beta1", "share_weight", "prior_step_size", "redraw")),
        *(f"train.batch_size={value}" for value in ("true", "0", "1000000", "[3]", ".inf")),
        "model.foreground_bias=.inf",
        "model.foreground_spread=1.0e+30",
        "model.image_size=16384",
        "model.image_size=true",
        "model.channels=[true, 8, 8]",
        "model.channels=[100000000, 8, 8]",
        "model.latent.foreground=1000000000",
        "model.latent.foreground_slots=100000",
        "train.seed=100000000000000000000000000",
        "train.seed=false",
        "train.divergence_weight=1.0e+300",
        "sampler.cold_steps=65537",
        "sampler.track_steps=true",
        "train.seed=&a [*a]",
        "train.seed=" + "[" * 5000,
        "train.seed=" + "9" * 5000,
        "train.seed=2026-99-99",
    ],
)
def test_a_value_that_would_break_later_is_refused_at_once(override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config("edge-32", [override])
    assert len(str(caught.value)) < 600 and "\n" not in str(caught.value)


def test_a_recipe_of_aliases_is_refused_before_it_grows(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{after}: &{after} [*{before}, *{before}]\n"
        for before, after in zip("abcdefghijklmnopqrs", "bcdefghijklmnopqrst", strict=True)
    )
    (tmp_path / "bomb.yaml").write_text(bomb)
    with pytest.raises(ConfigError, match="aliases .* are not read"):
        load_config(str(tmp_path / "bomb.yaml"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.yaml", "the recipe .*gone.yaml does not exist"),
        ("gone/mine", "the recipe .*mine does not exist"),
        ("folder", "is a folder"),
        ("pipe", "is no plain file"),
        ("large.yaml", "too large for a recipe"),
    ],
)
def test_a_recipe_that_is_no_file_of_yaml_is_said_to_be_that(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large.yaml").write_bytes(b"#" * (1 << 20 | 1))
    with pytest.raises(ConfigError, match=message):
        load_config(str(tmp_path / name))


def test_a_mistyped_preset_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no preset 'edge64'; did you mean edge-64"):
        load_config("edge64")


@pytest.mark.parametrize(
    ("preset", "override", "reason"),
    [
        ("edge-32", "train.centre_decay=100", "no effect without model.foreground_centre"),
        ("fixed-camera", "model.competition=pixel", "competition has no effect with background_input"),
    ],
)
def test_settings_of_competition_and_centre_without_effect_are_refused(preset: str, override: str, reason: str) -> None:
    overrides = [override] if preset != "edge-32" else ["model.foreground_centre=0", override]
    with pytest.raises(ConfigError, match=reason):
        load_config(preset, overrides)
