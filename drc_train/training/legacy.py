"""Translates checkpoints of version 1 into those of version 2.

Version 1 names its format ``drc-checkpoint-1`` and has no version number. Its early files say "picture" where the code says
"image", and keep the order of the images without the dimension of the blocks.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # reading the JSON part alone must not load torch
    from torch import Tensor

FORMAT_1 = "drc-checkpoint-1"


def is_version_1(values: Any) -> bool:
    """Whether the JSON part of a checkpoint is of version 1."""
    return isinstance(values, dict) and values.get("format") == FORMAT_1


def translate_state(values: dict[str, Any]) -> dict[str, Any]:
    """The JSON part of version 1 with the names of version 2; what is missing or damaged stays so."""
    translated = dict(values)
    about, config = values.get("about"), values.get("config")
    if isinstance(about, dict):
        # programs that saved checkpoints on their own wrote few of these
        translated["about"] = {"source": "", "preset": "", "images": 0} | _renamed(about, "pictures", "images")
    if isinstance(config, dict) and isinstance(config.get("model"), dict):
        model = _renamed(config["model"], "background_picture", "background_image")
        translated["config"] = config | {"model": model}
    return translated


def translate_tensors(tensors: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """The tensors of version 1 with the names and shapes of version 2; those of version 2 as they are."""
    translated = {name.replace(".background_picture", ".background_image"): it for name, it in tensors.items()}
    order = translated.get("chains.order")
    if order is not None and order.ndim == 1:
        translated["chains.order"] = order[None]
    return translated


def _renamed(values: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: value for key, value in values.items()}
