"""Commands as they are typed, without the list of commands."""

from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.main import get_command

Typed = Callable[..., Any]


@pytest.fixture
def typed() -> Typed:
    """Calls a command's function with arguments as they are typed; gives its exit code, 0 or None for success."""

    def call(function: Callable[..., None], *arguments: object) -> Any:
        app = typer.Typer(rich_markup_mode=None, add_completion=False)
        app.command()(function)
        return get_command(app).main([str(argument) for argument in arguments], standalone_mode=False)

    return call
