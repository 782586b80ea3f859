"""The ``drc`` entry point: the list of commands, each loaded when it is called, and one place that reports errors."""

import os
import sys
from importlib import import_module
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from drc_runtime import __version__
from drc_runtime.errors import DRCError, MissingDependencyError


class Command(NamedTuple):
    """A command: where its function is, what it does, and the extra that brings what it needs beyond the base."""

    function: str
    help: str
    extra: str = ""
    needs: str = ""


COMMANDS = {
    "train": Command(
        "drc_train.cli:train", "Learn from unlabelled images, a video or a named data set.", "train", "training"
    ),
    "eval": Command(
        "drc_train.cli:evaluate", "Measure IoU and Dice of a run or a bundle against masks.", "train", "training"
    ),
    "export": Command("drc_export.cli:export", "Turn a run into a verified bundle.", "export", "export"),
    "run": Command("drc_runtime.cli.run:run", "Cut out the foreground: camera, video, folder or image."),
    "bench": Command("drc_runtime.cli.bench:bench", "Measure the latency of a bundle on this machine."),
    "info": Command("drc_runtime.cli.run:info", "Show what is in a bundle and whether it is intact."),
    "doctor": Command("drc_runtime.cli.run:doctor", "Show what this machine can run and what clashes."),
    "data": Command("drc_train.cli:data", "Write a data set in this project's folder form.", "train", "training"),
}

_SETTINGS = {"help_option_names": ["-h", "--help"]}


class LazyGroup(TyperGroup):
    """Lists the commands from ``COMMANDS`` alone and imports the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Puts the command itself in the place of the stub that stands in the list."""
        name, stub, rest = super().resolve_command(ctx, args)
        return name, _load(name) if name in COMMANDS else stub, rest


# Plain help comes up in 0.1 s; with rich's boxes it is twice that.
app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, context_settings=_SETTINGS)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"drc {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Learns to cut the foreground out of unlabelled images and runs what it learned on live video."""


def _stub() -> None:
    """Only its name and its help are ever used."""


for _name, _command in COMMANDS.items():
    app.command(_name, help=_command.help)(_stub)


def _load(name: str) -> Any:
    module, function = COMMANDS[name].function.split(":")
    single = typer.Typer(rich_markup_mode=None, context_settings=_SETTINGS, add_completion=False)
    single.command(name)(getattr(import_module(module), function))
    return get_command(single)


def main() -> NoReturn:
    """Runs the command line: exit code 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    arguments = sys.argv[1:] or ["--help"]
    try:
        # Not standalone: usage errors come here as well, so that every error has one form. Exit codes are returned.
        code = get_command(app)(arguments, prog_name="drc", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if type(code) is int else 0)
    except DRCError as error:
        _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        _fail(f"{error.format_message()} (see {context.command_path if context else 'drc'} --help)", error.exit_code)
    except ImportError as error:
        _fail(str(_explained(error, arguments)), 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader has gone (drc info | head); the interpreter's own flush at exit must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _fail(message: str, code: int) -> NoReturn:
    # One line, and nothing in it (a file name, a manifest's text) can steer the terminal.
    line = "".join(character if character.isprintable() else " " for character in message)
    print(f"drc: {' '.join(line.split())}", file=sys.stderr)
    sys.exit(code)


def _explained(error: ImportError, arguments: list[str]) -> DRCError:
    """Says how to get a package that is missing; an import that fails inside this project is a bug and stays one."""
    package = (error.name or "").partition(".")[0]
    if package in ("drc_runtime", "drc_train", "drc_export"):
        raise error
    name = next((argument for argument in arguments if argument in COMMANDS), "")
    command = COMMANDS.get(name)
    if isinstance(error, ModuleNotFoundError) and command and command.extra:
        return MissingDependencyError(
            f'drc {name} needs the {command.needs} packages ({package} is missing): pip install "drc[{command.extra}]"'
        )
    return MissingDependencyError(f"a package cannot be loaded ({error}); drc doctor shows which ones work")
