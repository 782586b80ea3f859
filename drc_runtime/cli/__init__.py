"""The command line: one file a command, each thin over one public function; ``main`` is the ``drc`` entry point."""

from drc_runtime.cli.app import main

__all__ = ["main"]
