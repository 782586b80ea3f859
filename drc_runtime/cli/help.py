"""Plain help with the options in groups and examples at the end; rich's help would take twice as long to start."""

from collections.abc import Callable
from inspect import getdoc
from typing import Any

import typer
from typer.core import TyperCommand
from typer.main import get_command

SETTINGS = {"help_option_names": ["-h", "--help"]}


class GroupedCommand(TyperCommand):
    """Prints options under their ``rich_help_panel``, in the order in which the panels first occur."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Writes the arguments, then each group of options; options without a group come last."""
        groups: dict[str, list[tuple[str, str]]] = {}
        rest: list[tuple[str, str]] = []
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                groups.setdefault("Arguments", []).append(record)
                continue
            panel = getattr(parameter, "rich_help_panel", None)
            (groups.setdefault(panel, []) if panel else rest).append(record)
        groups["Other" if groups.keys() - {"Arguments"} else "Options"] = rest
        for title, records in groups.items():
            with formatter.section(title):
                formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Writes the examples as they are: lines are not folded, so that they can be copied."""
        if self.epilog:
            formatter.write(f"\nExamples:\n{self.epilog}\n")


def make_command(name: str, function: Callable[..., None]) -> Any:
    """A command from a function; the section ``Examples:`` of its docstring ends the help."""
    text, _, examples = (getdoc(function) or "").partition("\n\nExamples:\n")
    app = typer.Typer(rich_markup_mode=None, context_settings=SETTINGS, add_completion=False)
    app.command(name, cls=GroupedCommand, help=text, epilog=examples)(function)
    return get_command(app)
