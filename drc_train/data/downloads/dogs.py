"""Stanford Dogs (Appendix A.2): lists as MATLAB files, boxes as XML."""

from pathlib import Path, PurePosixPath
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.ElementTree import fromstring

from drc_runtime.errors import SourceError
from drc_train.data.downloads.boxes import Box, parse_box
from drc_train.data.downloads.files import Item, find_root, load_mat, path_within, read_small

LAYOUT = "the unpacked lists, Images and Annotation: train_list.mat, test_list.mat, Images/, Annotation/"

LARGEST_ANNOTATION = 1 << 20  # bytes; those of the download have a few thousand


def list_dogs(root: Path) -> list[Item]:
    """The images of the download, each with the box of its largest dog.

    Raises:
        SourceError: a file is missing or damaged, or has other contents.
    """
    folder = find_root(root, "train_list.mat", "test_list.mat", "Images", "Annotation", layout=LAYOUT)
    items = []
    for split in ("train", "test"):
        path = folder / f"{split}_list.mat"
        names = np.atleast_1d(np.asarray(load_mat(path, "file_list"))).ravel().tolist()
        if not names or not all(isinstance(name, str) for name in names):
            raise SourceError(f"{path}: file_list should hold names of images; download it again")
        for name in names:
            image = path_within(folder / "Images", name, path)
            stem = PurePosixPath(name).with_suffix("")
            annotation = path_within(folder / "Annotation", str(stem), path)
            data = read_small(annotation, LARGEST_ANNOTATION)
            items.append(Item(split, image, largest_box(data, str(annotation)), stem))
    return items


def largest_box(data: bytes, name: str) -> Box:
    """The bounding box with the largest area in an annotation (XML; entities are refused).

    Raises:
        SourceError: not such an annotation; the message starts with ``name``.
    """
    try:
        root: Element = fromstring(data)
    except (ParseError, ValueError, LookupError) as error:  # ValueError: what defusedxml forbids
        raise SourceError(f"{name} is not XML that can be read; download it again") from error
    boxes = [
        parse_box((place("xmin"), place("ymin"), place("xmax"), place("ymax")), name)
        for place in (found.findtext for found in root.iter("bndbox"))
    ]
    if not boxes:
        raise SourceError(f"{name} has no bndbox; expected an annotation of Stanford Dogs, download it again")
    return max(boxes, key=lambda box: (box.right - box.left) * (box.bottom - box.top))
