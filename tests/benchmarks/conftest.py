"""The run of the export's tests."""

from tests.export.conftest import make_run, run

__all__ = ["make_run", "run"]
