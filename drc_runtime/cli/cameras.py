"""The ``drc cameras`` command, over ``drc_runtime.sources.list_cameras.list_cameras``."""

from drc_runtime.cli.options import Json
from drc_runtime.cli.printing import print_json, print_rows


def cameras(as_json: Json = False) -> None:
    """List the cameras of this machine, by the names that drc run takes as SOURCE."""
    from drc_runtime.sources.list_cameras import list_cameras

    found = list_cameras()
    if as_json:
        print_json({"cameras": [camera._asdict() for camera in found]})
    elif found:
        print_rows(found)
    else:
        print("no cameras found; connect one, or try: drc run sample")
