"""The command line: one file a command, each thin over one public function; ``main`` is the ``drc`` entry point."""

from __future__ import annotations

import sys

from drc_runtime.cli.interrupts import CODE, install_interrupt_handler, leave_on_interrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """The process around ``drc_runtime.cli.app.main``: its standard streams, and Ctrl-C at its very start and end.

    Exit codes: 0, 1 for a failure, 2 for wrong usage, 130 for Ctrl-C.
    """
    install_interrupt_handler()
    try:
        from drc_runtime.cli.streams import give_up_unwritten_output, prepare_standard_streams

        prepare_standard_streams()
        try:
            from drc_runtime.cli.app import main as run

            run()
        finally:
            leave_on_interrupt()
            give_up_unwritten_output()
    except KeyboardInterrupt:
        sys.exit(CODE)
