"""The ``drc doctor`` command, over ``drc_runtime.doctor.examine``."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from drc_runtime.cli.options import Json
from drc_runtime.cli.printing import print_json, print_rows


def doctor(
    bundle: Annotated[
        Path | None,
        typer.Argument(help="Repeat this bundle's known steps on every engine.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what this machine can run and what clashes; exit code 1 if something that drc run needs is broken."""
    from drc_runtime.doctor import examine, examine_engines, is_healthy

    checks = examine() if bundle is None else examine_engines(bundle)
    if as_json:
        print_json({"healthy": is_healthy(checks), "checks": [asdict(check) for check in checks]})
    else:
        print_rows((check.status, check.name, check.detail) for check in checks)
    if not is_healthy(checks):
        raise typer.Exit(1)
