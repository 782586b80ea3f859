"""Stanford Cars (Appendix A.3): the devkit's MATLAB files."""

from pathlib import Path, PurePosixPath

from drc_runtime.errors import SourceError
from drc_train.data.downloads.boxes import parse_box
from drc_train.data.downloads.files import Item, find_root, load_mat, path_within

LAYOUT = "the unpacked devkit/ with cars_train_annos.mat and cars_test_annos.mat, cars_train/ and cars_test/"
_CORNERS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


def list_cars(root: Path) -> list[Item]:
    """The images of the download; masks are ``cars_train/00001.png`` and so on.

    Raises:
        SourceError: a file is missing or damaged, or has other contents.
    """
    annotations = {split: f"devkit/cars_{split}_annos.mat" for split in ("train", "test")}
    folder = find_root(root, *annotations.values(), "cars_train", "cars_test", layout=LAYOUT)
    items = []
    for split, file in annotations.items():
        path = folder / file
        entries = load_mat(path, "annotations")
        # simplify_cells turns a struct array of one element into the struct.
        for entry in [entries] if isinstance(entries, dict) else entries:
            if not (isinstance(entry, dict) and isinstance(entry.get("fname"), str) and entry.keys() >= set(_CORNERS)):
                raise SourceError(f"{path}: annotations need fname and {', '.join(_CORNERS)}; download it again")
            image = path_within(folder / f"cars_{split}", entry["fname"], path)
            left, top, right, bottom = parse_box(tuple(entry[corner] for corner in _CORNERS), str(path))  # type: ignore[arg-type]
            box = parse_box((left - 1, top - 1, right, bottom), str(path))  # MATLAB counts from 1, ends included
            items.append(Item(split, image, box, PurePosixPath(f"cars_{split}", entry["fname"]).with_suffix("")))
    return items
