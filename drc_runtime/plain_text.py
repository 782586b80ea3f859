"""Text for terminals, logs and folder names: without control characters, and without the passwords of addresses."""

import json
import re
from typing import Any

ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*:/+)(\S+)")


def plain(value: Any) -> str:
    """Text without control characters: manifests and file names are untrusted and must not steer the terminal."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return "".join(character if character.isprintable() else "�" for character in text)


def without_secrets(text: str) -> str:
    """Text whose addresses (``rtsp://...``) show no password.

    What stands before the last ``@`` is the user and the password, which may contain ``@``, ``/``, ``?`` and ``#``. Queries,
    fragments and ``name=value`` in the path are replaced by ``...``, because cameras take passwords there as well.
    """
    return ADDRESS.sub(lambda found: found[1] + _public(found[2]), text)


def _public(rest: str) -> str:
    rest = rest.rpartition("@")[2]
    path, mark, _ = re.match(r"([^?#]*)([?#]?)(.*)", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    parts = ["..." if "=" in part or "%3d" in part.lower() else part for part in re.split("([/;])", path)]
    return "".join(parts) + (f"{mark}..." if mark else "")
