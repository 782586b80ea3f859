"""The ``drc doctor`` command, over ``drc_runtime.doctor.examine``."""

from dataclasses import asdict

import typer

from drc_runtime.cli.options import Json
from drc_runtime.cli.printing import print_json, print_rows


def doctor(as_json: Json = False) -> None:
    """Show what this machine can run and what clashes; exit code 1 if something that drc run needs is broken."""
    from drc_runtime.doctor import examine, is_healthy

    checks = examine()
    if as_json:
        print_json({"healthy": is_healthy(checks), "checks": [asdict(check) for check in checks]})
    else:
        print_rows((check.status, check.name, check.detail) for check in checks)
    if not is_healthy(checks):
        raise typer.Exit(1)
