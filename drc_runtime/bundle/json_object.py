"""A JSON object, decoded strictly and read key by key, so that every message names the file and the key.

The native runtime has the same checks in ``native/src/bundle/json_object.cpp``; its tests compare the messages of both.
"""

import json
import math
from typing import Any, NoReturn

from drc_runtime.errors import BundleError

# Far above every sensible image or latent vector; below it no declared shape can exhaust the memory by itself.
LARGEST_SIZE = 1 << 16

LARGEST_TENSOR = 1 << 26
"""Numbers in one declared tensor: 256 MiB, an image of 4,700 x 4,700 pixels."""
MOST_AXES = 8
LARGEST_NUMBER = 1e20
"""Above every seed of 64 bits; a reader that keeps numbers as float64 or int64 must not fail later."""
SMALLEST_SCALE, LARGEST_SCALE = 1e-9, 1e6
"""Bounds of a step size or a sigma: their inverse squares, times each other, are inside float32."""
LONGEST_KEY = 128
LONGEST_TEXT = 1024
LONGEST_SCALAR = 4096
"""Characters of a text that is only shown, such as the path of a training set."""
MOST_ENTRIES = 64
"""Members of one object, and so lines that are printed about it."""

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
            BundleError: not JSON, not an object, a key that is repeated or no short line of text, or a number that is not finite
                or too large.
        """
        try:
            values = json.loads(
                text, object_pairs_hook=_unique, parse_float=_number, parse_int=_whole, parse_constant=_number
            )
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
        """All members, at most ``MOST_ENTRIES``; each must be an object."""
        self._limit_members()
        return [(key, self.child(key)) for key in self.values]

    def text(self, key: str) -> str:
        """One line of printable text, not only spaces, of at most ``LONGEST_TEXT`` characters."""
        value = self._value(key)
        if not isinstance(value, str) or not _is_line(value, LONGEST_TEXT):
            self.refuse(key, f"must be one line of text, of at most {LONGEST_TEXT} characters")
        return value

    def choice(self, key: str, allowed: tuple[str, ...]) -> str:
        """One of the words ``allowed``."""
        value = self.text(key)
        if value not in allowed:
            self.refuse(key, f"is {value!r}, but this version of drc knows {', '.join(allowed)}")
        return value

    def scale(self, key: str) -> float:
        """A number from ``SMALLEST_SCALE`` to ``LARGEST_SCALE``."""
        value = self._value(key)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not SMALLEST_SCALE <= value <= LARGEST_SCALE:
            self.refuse(key, "must be a number from 1e-9 to 1e6")
        return float(value)

    def number(self, key: str, least: float, most: float) -> float:
        """A number from ``least`` to ``most``."""
        value = self._value(key)
        if not isinstance(value, int | float) or isinstance(value, bool) or not least <= value <= most:
            self.refuse(key, f"must be a number from {least:g} to {most:g}")
        return float(value)

    def numbers(self, key: str, most: int, largest: float) -> tuple[float, ...]:
        """A list of 1 to ``most`` numbers from ``-largest`` to ``largest``."""
        value = self._value(key)
        if (
            not isinstance(value, list)
            or not 1 <= len(value) <= most
            or not all(_is_within(it, largest) for it in value)
        ):
            self.refuse(key, f"must be a list of 1 to {most} numbers from -{largest:g} to {largest:g}")
        return tuple(float(item) for item in value)

    def size(self, key: str, least: int = 1) -> int:
        """An integer from ``least`` to ``LARGEST_SIZE``."""
        value = self._value(key)
        if not _is_size(value, least):
            self.refuse(key, f"must be a whole number from {least} to {LARGEST_SIZE}")
        return int(value)

    def sizes(self, key: str) -> tuple[int, ...]:
        """A list of 1 to ``MOST_AXES`` integers from 1 to ``LARGEST_SIZE``, whose product is at most ``LARGEST_TENSOR``."""
        value = self._value(key)
        if not isinstance(value, list) or not value or not all(_is_size(item, 1) for item in value):
            self.refuse(key, f"must be a list of whole numbers from 1 to {LARGEST_SIZE}")
        if len(value) > MOST_AXES or math.prod(value) > LARGEST_TENSOR:
            self.refuse(
                key, f"has more than {MOST_AXES} sizes, or makes a tensor of more than {LARGEST_TENSOR} numbers"
            )
        return tuple(value)

    def all_sizes(self) -> dict[str, tuple[int, ...]]:
        """All members, at most ``MOST_ENTRIES``, as ``sizes``."""
        self._limit_members()
        return {key: self.sizes(key) for key in self.values}

    def scalars(self) -> dict[str, Scalar]:
        """All members, at most ``MOST_ENTRIES``; none may be an object, a list or a text above ``LONGEST_SCALAR`` characters."""
        self._limit_members()
        for key, value in self.values.items():
            if isinstance(value, dict | list):
                self.refuse(key, "must be text, a number, true, false or null")
            if isinstance(value, str) and len(value) > LONGEST_SCALAR:
                self.refuse(key, f"has more than {LONGEST_SCALAR} characters")
        return self.values

    def any_values(self) -> dict[str, Any]:
        """All members, at most ``MOST_ENTRIES``, of any kind."""
        self._limit_members()
        return self.values

    def _limit_members(self) -> None:
        if len(self.values) > MOST_ENTRIES:
            raise BundleError(f"{self._file}: {self._path or 'the whole'} has more than {MOST_ENTRIES} members")

    def _value(self, key: str) -> Any:
        if key not in self.values:
            self.refuse(key, "is missing")
        return self.values[key]

    def _where(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key


def _is_within(value: Any, largest: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -largest <= value <= largest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Parsers disagree on which of two equal keys counts: another reader of the bundle might take the other one.
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    if not all(_is_line(key, LONGEST_KEY) for key in result):
        raise ValueError(f"a key is not one line of text, of at most {LONGEST_KEY} characters")
    return result


def _number(text: str) -> float:
    value = float(text)
    if not abs(value) < LARGEST_NUMBER:  # NaN, too
        raise ValueError(f"{text[:30]} is not a finite number below 1e20")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if abs(value) >= LARGEST_NUMBER:
        raise ValueError(f"{text[:30]} is not a finite number below 1e20")
    return value


def _is_line(text: str, longest: int) -> bool:
    return len(text) <= longest and text.isprintable() and bool(text.strip())


def _is_size(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= LARGEST_SIZE
