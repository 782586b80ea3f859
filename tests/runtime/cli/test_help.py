"""Help in groups with examples, without rich."""

import re
from collections.abc import Callable
from typing import Annotated

import typer

from drc_runtime.cli.help import make_command

Drc = Callable[..., tuple[int, str, str]]


def grouped(
    name: str,
    size: Annotated[int, typer.Option(help="Pixels.", rich_help_panel="Output")] = 1,
    plain: Annotated[bool, typer.Option("--plain", help="Of no group.")] = False,
    path: Annotated[str, typer.Option(help="Where.", rich_help_panel="Output")] = "",
) -> None:
    """Does it.

    Examples:
      drc it --size 2     an example that is much longer than the eighty columns of the help text
    """


def bare(plain: Annotated[bool, typer.Option("--plain", help="Of no group.")] = False) -> None:
    """Does it."""


def help_of(function: Callable[..., None]) -> str:
    command = make_command("it", function)
    with command.make_context("it", [], resilient_parsing=True) as context:
        return str(command.get_help(context))


def sections(text: str) -> dict[str, list[str]]:
    """For each heading the first words of its lines."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if re.fullmatch(r"\w+:", line):
            found[line[:-1]] = []
        elif line.startswith("  ") and not line.startswith("   ") and found:
            found[list(found)[-1]].append(line.split()[0])
    return found


def test_options_stand_in_their_groups_and_examples_at_the_end() -> None:
    text = help_of(grouped)
    assert sections(text) == {
        "Arguments": ["name"],
        "Output": ["--size", "--path"],
        "Other": ["--plain", "-h,"],
        "Examples": ["drc"],
    }
    assert "  drc it --size 2     an example that is much longer than the eighty columns of the help text" in text
    assert text.count("drc it") == 1


def test_without_groups_they_are_options() -> None:
    assert sections(help_of(bare)) == {"Options": ["--plain", "-h,"]}


def test_every_option_of_a_run_has_a_group(drc: Drc) -> None:
    found = sections(drc("run", "--help")[1])
    assert list(found) == ["Arguments", "Model", "Output", "Watching", "Learning", "Other", "Examples"]
    assert found["Other"] == ["--raw", "--json", "-h,"]
