"""YAML of strangers: plain values alone, without aliases, and every refusal in one line."""

from typing import Any

import yaml

from drc_runtime.errors import ConfigError


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Without aliases: a recipe needs none, and a few lines of them make billions of values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read in recipes")
        return super().compose_node(parent, index)


def parse_yaml(text: str, name: str) -> Any:
    """Reads YAML as plain values.

    Args:
        text: of a recipe, or the value of a setting.
        name: what the error calls it.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - derived from SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        reason = (str(error).splitlines() or ["too deep"])[0]
        raise ConfigError(f"{name} is not YAML that can be read: {reason[:200]}") from error
