"""Small copies of the paper's downloads, in the original layout."""

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from drc_train.data.downloads import clevr6

HEIGHT, WIDTH = 60, 100
OBJECT = slice(20, 40), slice(50, 80)
"""Rows and columns of the one object, red before blue: box 50, 20, 80, 40, and so the square 50, 15, 80, 45."""


def write_pair(image: Path, mask: Path | None) -> None:
    image.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((HEIGHT, WIDTH, 3), (255, 0, 0), np.uint8)
    pixels[OBJECT] = 0, 0, 255
    cv2.imwrite(str(image), pixels, [cv2.IMWRITE_JPEG_QUALITY, 100])
    if mask is not None:
        mask.parent.mkdir(parents=True, exist_ok=True)
        truth = np.zeros((HEIGHT, WIDTH), np.uint8)
        truth[OBJECT] = 204  # CUB's masks are shares of five annotators
        cv2.imwrite(str(mask), truth)


@pytest.fixture
def cub(tmp_path: Path) -> Path:
    root = tmp_path / "CUB_200_2011"
    names = ["001.A/A_1", "001.A/A_2", "002.B/B_1"]
    for name in names:
        write_pair(root / "images" / f"{name}.jpg", tmp_path / "segmentations" / f"{name}.png")
    (root / "images.txt").write_text("".join(f"{i} {name}.jpg\n" for i, name in enumerate(names, 1)))
    (root / "bounding_boxes.txt").write_text("".join(f"{i} 50.0 20.0 30.0 20.0\n" for i in (1, 2, 3)))
    (root / "train_test_split.txt").write_text("1 1\n2 0\n3 1\n")
    return root


@pytest.fixture
def dogs(tmp_path: Path) -> Path:
    root = tmp_path / "dogs"
    names = ["n1-Pug/n1_1", "n1-Pug/n1_2", "n2-Chow/n2_1"]
    for name in names:
        write_pair(root / "Images" / f"{name}.jpg", tmp_path / "dog-masks" / f"{name}.png")
        annotation = root / "Annotation" / name
        annotation.parent.mkdir(parents=True, exist_ok=True)
        boxes = "".join(
            f"<object><name>d</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
            for a, b, c, d in ((1, 1, 9, 9), (50, 20, 80, 40))
        )
        annotation.write_text(f"<annotation><folder>1</folder>{boxes}</annotation>")
    for split, chosen in (("train", names[:2]), ("test", names[2:])):
        cells = np.array([[f"{name}.jpg"] for name in chosen], object)
        savemat(root / f"{split}_list.mat", {"file_list": cells, "labels": np.ones((len(chosen), 1))})
    return root


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    root = tmp_path / "cars"
    (root / "devkit").mkdir(parents=True)
    kinds = [(f"bbox_{axis}", object) for axis in ("x1", "y1", "x2", "y2")] + [("fname", object)]
    for split, count in (("train", 2), ("test", 1)):
        rows = np.zeros((1, count), kinds)
        for index in range(count):
            file = f"{index + 1:05d}"
            write_pair(root / f"cars_{split}" / f"{file}.jpg", tmp_path / "car-masks" / f"cars_{split}" / f"{file}.png")
            rows[0, index] = (51, 21, 80, 40, f"{file}.jpg")
        savemat(root / "devkit" / f"cars_{split}_annos.mat", {"annotations": rows})
    return root


def record(objects: int, value: int = 255) -> bytes:
    """A scene of CLEVR with masks: the first object is a square in the middle, the others are a pixel each."""
    image = np.full((240, 320, 3), 90, np.uint8)
    masks = np.zeros((11, 240, 320), np.uint8)
    masks[1, 100:140, 140:180] = value
    for index in range(2, objects + 1):
        masks[index, 120, 80 + index] = value
    masks[0] = 255 - masks[1:].max(0)
    image[100:140, 140:180] = 200, 30, 30
    example = clevr6.Example()
    for key, values in (("image", image), ("mask", masks)):
        entry = example.features.feature.add(key=key)
        entry.value.bytes_list.value.extend([bytes([byte]) for byte in values.tobytes()])
    entry = example.features.feature.add(key="visibility")
    entry.value.float_list.value.extend([float(index <= objects) for index in range(11)])
    data = example.SerializeToString()
    return struct.pack("<QI", len(data), 0) + data + struct.pack("<I", 0)


@pytest.fixture(scope="session")
def scenes() -> dict[int, bytes]:
    return {objects: record(objects) for objects in (3, 6, 7)}
