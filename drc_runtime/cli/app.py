"""The ``drc`` entry point: the list of commands, each imported when it is called, and the one place that reports errors."""

import os
import sys
import warnings
from importlib import import_module
from typing import Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from drc_runtime.cli.help import SETTINGS, make_command
from drc_runtime.errors import DRCError, MissingDependencyError
from drc_runtime.packages import install_command
from drc_runtime.plain_text import plain, without_secrets
from drc_runtime.shared_library import missing_library
from drc_runtime.version import __version__


class Command(NamedTuple):
    """A command: its function, its line in the list, and the extra that installs the packages it needs."""

    function: str
    help: str
    extra: str = ""


COMMANDS = {
    "train": Command(
        "drc_train.cli.train:train", "Learn from unlabelled images, a video or a named data set.", "train"
    ),
    "export": Command("drc_export.cli.export:export", "Turn a run into a verified bundle.", "export"),
    "run": Command("drc_runtime.cli.run:run", "Cut out the foreground: camera, video, folder or image."),
    "batch": Command("drc_runtime.cli.batch:batch", "Write the masks of a folder on a Ray cluster."),
    "cameras": Command("drc_runtime.cli.cameras:cameras", "List the cameras of this machine."),
    "info": Command("drc_runtime.cli.info:info", "Show what is in a bundle and whether it is intact."),
    "sample": Command("drc_runtime.cli.sample:sample", "Draw samples of a bundle's prior."),
    "web": Command("drc_runtime.cli.web:web", "Write a page that runs a bundle in a browser."),
    "doctor": Command("drc_runtime.cli.doctor:doctor", "Show what this machine can run and what clashes."),
    "bench": Command("drc_runtime.cli.bench:bench", "Measure the latency of a bundle on this machine."),
    "compare": Command(
        "drc_export.cli.compare:compare", "Compare the backends that can compute a posterior step.", "export"
    ),
    "eval": Command("drc_train.cli.evaluate:evaluate", "Measure IoU and Dice of masks against the truth.", "train"),
    "ablate": Command("drc_train.cli.ablate:ablate", "Learn and measure the rows of the paper's Table 2.", "train"),
    "reproduce": Command(
        "drc_train.cli.reproduce:reproduce",
        "Learn and measure a table of the paper.",
        "train",
    ),
    "data draw": Command("drc_train.cli.data:draw", "Write a synthetic data set with its true masks.", "train"),
    "data convert": Command(
        "drc_train.cli.data:convert", "Convert a downloaded data set to this project's folders.", "train"
    ),
}
GROUPS = {"data": "Write a data set in this project's folder form."}


class LazyGroup(TyperGroup):
    """Lists the commands from ``COMMANDS`` alone and imports the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Finds the command and replaces the stub in the list by the imported command."""
        word, command, rest = super().resolve_command(ctx, args)
        name = str(word)
        while ctx.parent is not None:
            name, ctx = f"{ctx.info_name} {name}", ctx.parent
        return word, load_command(name) if name in COMMANDS else command, rest


# Plain help starts in 0.1 s; rich's boxes take twice as long.
app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, context_settings=SETTINGS)


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
    """A placeholder in the list of commands; only its name and its help are used."""


def _list_commands() -> None:
    groups = {"": app}
    for name, command in COMMANDS.items():
        group, _, word = name.rpartition(" ")
        if group not in groups:
            groups[group] = typer.Typer(cls=LazyGroup, rich_markup_mode=None, help=GROUPS[group])
            app.add_typer(groups[group], name=group)
        groups[group].command(word, help=command.help)(_stub)


_list_commands()


def load_command(name: str) -> Any:
    """Imports a command of ``COMMANDS``, such as ``run`` or ``data draw``, as a click command."""
    module, function = COMMANDS[name].function.split(":")
    return make_command(name.rpartition(" ")[2], getattr(import_module(module), function))


def main() -> NoReturn:
    """Runs the command line: exit code 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C."""
    arguments = sys.argv[1:] or ["--help"]
    warnings.showwarning = _show_warning
    try:
        # Without standalone mode usage errors are raised, so that every error has one form; exit codes are returned.
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
        # The reader has closed the pipe (drc info | head); the interpreter's flush at exit must not fail as well.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    """One line, as for an error, instead of a line of this program's source."""
    print(f"drc: {plain(without_secrets(str(message)))}", file=sys.stderr)


def _fail(message: str, code: int) -> NoReturn:
    # One line without control characters: file names and manifests are untrusted and must not steer the terminal.
    line = "".join(character if character.isprintable() else " " for character in without_secrets(message))
    print(f"drc: {' '.join(line.split())}", file=sys.stderr)
    sys.exit(code)


def _explained(error: ImportError, arguments: list[str]) -> DRCError:
    """Says how to install a missing package; a failed import of this project's own modules is a bug and is raised."""
    package = (error.name or "").partition(".")[0]
    if package in ("drc_runtime", "drc_train", "drc_export"):
        raise error
    name = next((name for name in (" ".join(arguments[:2]), arguments[0]) if name in COMMANDS), "")
    extra = COMMANDS[name].extra if name else ""
    if isinstance(error, ModuleNotFoundError) and extra:
        return MissingDependencyError(f"drc {name} needs {package} ({error}): {install_command(extra)}")
    if way_out := missing_library(error):
        return MissingDependencyError(f"{package} cannot be loaded: {way_out}")
    return MissingDependencyError(f"a package cannot be loaded ({error}); drc doctor shows which ones work")
