"""A JSON object, decoded strictly and read key by key, so that every message names the file and the key.

The native runtime has the same checks in ``native/src/bundle/json_object.cpp``; its tests compare the messages of both.
"""

import json
import math
from typing import Any, NoReturn

from drc_runtime.errors import BundleError

# Far above every sensible image or latent vector; below it no declared shape can exhaust the memory by itself.
LARGEST_SIZE = 1 << 16

Scalar = str | int | float | bool | None


class JsonObject:
    """The members of one JSON object and its place in the file.

    Every reading method takes a key and raises ``BundleError`` with the path of that key if it is missing or its value is of
    another kind. Keys that nobody asks for are ignored.

    Args:
        values: what should be an object.
        file: the name of the file, the first word of every message.
        path: the keys that lead here, joined by dots; empty for the root.
    """

    def __init__(self, values: Any, file: str, path: str = "") -> None:
        if not isinstance(values, dict):
            raise BundleError(f"{file}: {path or 'the whole'} must be an object")
        self.values: dict[str, Any] = values
        self._file, self._path = file, path

    @classmethod
    def decode(cls, text: str, file: str) -> "JsonObject":
        """Decodes a whole file.

        Raises:
            BundleError: not JSON, not an object, a repeated key, or a number that is not finite.
        """
        try:
            values = json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)
            json.dumps(values, ensure_ascii=False).encode()  # a lone surrogate can be parsed but never printed
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{file} is not valid JSON ({str(error) or 'nested too deeply'})") from error
        return cls(values, file)

    def __contains__(self, key: str) -> bool:
        return key in self.values

    def refuse(self, key: str, why: str) -> NoReturn:
        """Raises the error about ``key``."""
        raise BundleError(f"{self._file}: {self._where(key)} {why}")

    def child(self, key: str) -> "JsonObject":
        """The object at ``key``."""
        return JsonObject(self._value(key), self._file, self._where(key))

    def children(self) -> list[tuple[str, "JsonObject"]]:
        """All members; each must be an object."""
        return [(key, self.child(key)) for key in self.values]

    def text(self, key: str) -> str:
        """One line of printable text, not only spaces."""
        value = self._value(key)
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            self.refuse(key, "must be one line of text")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of the words ``allowed``."""
        value = self.text(key)
        if value not in allowed:
            self.refuse(key, f"is {value!r}, but this version of drc knows {', '.join(allowed)}")
        return value

    def positive(self, key: str) -> float:
        """A number above 0 and below 1e9."""
        value = self._value(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
            self.refuse(key, "must be a positive number")
        return float(value)

    def size(self, key: str, least: int = 1) -> int:
        """An integer from ``least`` to ``LARGEST_SIZE``."""
        value = self._value(key)
        if not _is_size(value, least):
            self.refuse(key, f"must be a whole number from {least} to {LARGEST_SIZE}")
        return int(value)

    def sizes(self, key: str) -> tuple[int, ...]:
        """A list, not empty, of integers from 1 to ``LARGEST_SIZE``."""
        value = self._value(key)
        if not isinstance(value, list) or not value or not all(_is_size(item, 1) for item in value):
            self.refuse(key, f"must be a list of whole numbers from 1 to {LARGEST_SIZE}")
        return tuple(value)

    def scalars(self) -> dict[str, Scalar]:
        """All members; none may be an object or a list."""
        for key, value in self.values.items():
            if isinstance(value, dict | list):
                self.refuse(key, "must be text, a number, true, false or null")
        return self.values

    def _value(self, key: str) -> Any:
        if key not in self.values:
            self.refuse(key, "is missing")
        return self.values[key]

    def _where(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Parsers disagree on which of two equal keys counts: another reader of the bundle might take the other one.
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def _is_size(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST_SIZE
