"""What commands print: columns for people and JSON for programs on stdout, problems on stderr."""

import json
import sys
from collections.abc import Iterable
from typing import Any

from drc_runtime.plain_text import plain, without_secrets


def print_rows(rows: Iterable[tuple[Any, ...]]) -> None:
    """Prints columns as wide as their widest cell; lines are never folded, so that grep and cut work on them."""
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_json(value: dict[str, Any]) -> None:
    """Prints one JSON object; paths become strings."""
    print(json.dumps(value, indent=2, default=str))


def print_problems(problems: Iterable[str]) -> None:
    """Prints one line on stderr for each item that failed."""
    for problem in problems:
        print(f"drc: {plain(without_secrets(problem))}", file=sys.stderr)
