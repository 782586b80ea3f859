"""Caltech-UCSD Birds-200-2011 (Appendix A.1): its text tables and segmentations."""

from pathlib import Path, PurePosixPath

from drc_runtime.errors import SourceError
from drc_train.data.downloads.boxes import parse_box
from drc_train.data.downloads.files import LARGEST_LIST, Item, find_root, path_within, read_small

LAYOUT = (
    "the unpacked CUB_200_2011 with images.txt, bounding_boxes.txt, train_test_split.txt and images/, and segmentations/ "
    "in it or beside it"
)
_SPLITS = {"0": "test", "1": "train"}
_SPLITS_OF_TABLE_3 = {"0": "train", "1": "validation", "2": "test"}
TABLE_3 = "train_val_test_split.txt"
"""The split of Chen et al. [27], which is in their repository (mickaelChen/ReDO, datasplits/cub)."""


def list_birds(root: Path, table3: bool = False) -> tuple[list[Item], Path]:
    """The images of the download, and the folder of its masks.

    The split is that of the download (5,994 for training, 5,794 for testing), or with ``table3`` that of Table 3 (10,000 and
    1,000, and 788 for validation), whose file must lie beside the download's.

    Raises:
        SourceError: a file is missing or damaged, or the tables list different images.
    """
    folder = find_root(root, "images.txt", "bounding_boxes.txt", "train_test_split.txt", "images", layout=LAYOUT)
    masks = next((at for at in (folder / "segmentations", folder.parent / "segmentations") if at.is_dir()), None)
    if masks is None:
        raise SourceError(f"no segmentations/ in {folder} or beside it; expected {LAYOUT}")
    names = _table(folder / "images.txt", 1)
    boxes = _table(folder / "bounding_boxes.txt", 4, like=names)
    file, meanings = (TABLE_3, _SPLITS_OF_TABLE_3) if table3 else ("train_test_split.txt", _SPLITS)
    if table3 and not (folder / file).is_file():
        raise SourceError(f"{folder} has no {file}; put the one of github.com/mickaelChen/ReDO, datasplits/cub, there")
    splits = _table(folder / file, 1, like=names)
    items = []
    for key, (name,) in names.items():
        image = path_within(folder / "images", name, folder / "images.txt")
        where = f"{folder / 'bounding_boxes.txt'}, image {key}"
        left, top, width, height = parse_box(tuple(boxes[key]), where)  # type: ignore[arg-type]
        split = meanings.get(splits[key][0])
        if split is None:
            raise SourceError(f"{folder / file}, image {key}: expected {' or '.join(meanings)}; download it again")
        box = parse_box((left, top, left + width, top + height), where)
        items.append(Item(split, image, box, PurePosixPath(name).with_suffix("")))
    return items, masks


def _table(path: Path, columns: int, like: dict[str, list[str]] | None = None) -> dict[str, list[str]]:
    """Reads lines ``ID VALUE ...`` into a dictionary; its IDs must be those of ``like``."""
    try:
        lines = read_small(path, LARGEST_LIST).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise SourceError(f"{path} cannot be read as text; download it again") from error
    rows: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        key, *values = line.split() or [""]
        if len(values) != columns or key in rows:
            raise SourceError(
                f"{path}, line {number}: expected a new ID and {columns} value(s), not {line[:60]!r}; download it again"
            )
        rows[key] = values
    if not rows or (like is not None and rows.keys() != like.keys()):
        expected = len(like) if like else "some"
        raise SourceError(f"{path} has {len(rows)} images but images.txt {expected}; download it again")
    return rows
