"""What commands print on stdout: columns for people, JSON for programs."""

import json
from collections.abc import Iterable
from typing import Any


def print_rows(rows: Iterable[tuple[Any, ...]]) -> None:
    """Columns as wide as their widest cell; lines are never folded, so that they can be searched and cut."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_json(value: Any) -> None:
    """One machine-readable object on stdout."""
    print(json.dumps(value, indent=2))


def plain(value: Any) -> str:
    """Text in which nothing steers the terminal: manifests and file names come from strangers."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return "".join(character if character.isprintable() else "�" for character in text)
