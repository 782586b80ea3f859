"""The paper's downloads: small copies in the original layout, whole and broken."""

import gzip
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from drc_runtime.errors import DRCError, OutputError, SourceError, UsageError
from drc_runtime.images import read_image
from drc_train.data.downloads import clevr6, convert
from drc_train.data.downloads.convert import convert_data_set
from drc_train.data.downloads.dogs import largest_box
from drc_train.data.downloads.original import Box, load_mat, square_round
from drc_train.data.evaluation import load_evaluation

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


@pytest.fixture(scope="module")
def scenes() -> dict[int, bytes]:
    return {objects: record(objects) for objects in (3, 6, 7)}


def check(folder: Path, train: list[str], test: list[str], size: int = 30) -> None:
    for split, names in (("train", train), ("test", test)):
        found = list(load_evaluation(str(folder / split)))
        assert [item.name for item in found] == names
        for item in found:
            # The square 50, 15, 80, 45 at its own size: 5 rows of background above and below the object.
            truth = np.zeros((size, size), np.uint8)
            truth[5:25] = 255
            assert np.array_equal(item.mask, truth)
            assert item.image[8:22, 2:28].mean((0, 1)) == pytest.approx([255, 0, 0], abs=12)
            assert item.image[:3, 2:28].mean((0, 1)) == pytest.approx([0, 0, 255], abs=12)


def test_birds(cub: Path, tmp_path: Path) -> None:
    report = convert_data_set("cub", cub, tmp_path / "out", 30)
    assert (report.train, report.test, str(report)) == (2, 1, "2 images in train, 1 in test")
    check(tmp_path / "out", ["A_1", "B_1"], ["A_2"])


def test_birds_from_the_folder_that_both_archives_were_unpacked_to(cub: Path, tmp_path: Path) -> None:
    assert convert_data_set("cub", tmp_path, tmp_path / "out", 30).train == 2


def test_dogs(dogs: Path, tmp_path: Path) -> None:
    report = convert_data_set("dogs", dogs, tmp_path / "out", 30, masks=tmp_path / "dog-masks")
    assert (report.train, report.test) == (2, 1)
    check(tmp_path / "out", ["n1_1", "n1_2"], ["n2_1"])


def test_cars(cars: Path, tmp_path: Path) -> None:
    report = convert_data_set("cars", cars, tmp_path / "out", 30, masks=tmp_path / "car-masks")
    assert (report.train, report.test) == (2, 1)
    check(tmp_path / "out", ["00001", "00002"], ["00001"])


@pytest.mark.parametrize("packed", [True, False])
def test_scenes_of_at_most_six_objects(tmp_path: Path, scenes: dict[int, bytes], packed: bool, monkeypatch) -> None:
    monkeypatch.setattr(convert, "TEST_SCENES", 1)
    (tmp_path / "in").mkdir()
    data = scenes[3] + scenes[7] + scenes[6] + scenes[3]
    (tmp_path / "in" / clevr6.FILE).write_bytes(gzip.compress(data, 1) if packed else data)
    report = convert_data_set("clevr6", tmp_path / "in", tmp_path / "out", 192)
    assert (report.train, report.test) == (2, 1)
    first = next(iter(load_evaluation(str(tmp_path / "out" / "test"))))
    truth = np.zeros((192, 192), np.uint8)
    truth[76:116, 76:116] = 255  # 100 - 24 and 140 - 64
    truth[96, [82 - 64, 83 - 64]] = 255
    assert np.array_equal(first.mask, truth)
    assert first.image[90, 90].tolist() == [200, 30, 30]


def test_no_more_scenes_than_the_papers(tmp_path: Path, scenes: dict[int, bytes], monkeypatch) -> None:
    monkeypatch.setattr(clevr6, "SCENES", 2)
    (tmp_path / "a").write_bytes(scenes[3] * 3)
    assert len(list(clevr6.read_scenes(tmp_path / "a"))) == 2


def test_without_masks_images_alone(dogs: Path, tmp_path: Path) -> None:
    convert_data_set("dogs", dogs, tmp_path / "out", 30)
    assert [path.name for path in (tmp_path / "out" / "train").iterdir()] == ["images"]


def test_masks_of_what_was_written(dogs: Path, tmp_path: Path) -> None:
    """An approximate mask may come from the crop, as the paper's do, and lie flat."""
    mask = np.zeros((30, 30), np.uint8)
    mask[3:9] = 255
    (tmp_path / "flat").mkdir()
    cv2.imwrite(str(tmp_path / "flat" / "n1_2.png"), mask)
    report = convert_data_set("dogs", dogs, tmp_path / "out", 30, masks=tmp_path / "flat")
    assert (report.train, report.without_mask, report.test) == (1, 2, 0)
    assert np.array_equal(next(iter(load_evaluation(str(tmp_path / "out" / "train")))).mask, mask)


def test_cars_masks_are_told_apart_by_their_folder(cars: Path, tmp_path: Path) -> None:
    """00001.jpg is another car in each split, so a mask without a folder belongs to none of them."""
    with pytest.raises(SourceError, match="no image to learn from.*3 without mask"):
        convert_data_set("cars", cars, tmp_path / "out", 30, masks=tmp_path / "car-masks" / "cars_train")


def test_the_appendix_s_filters(dogs: Path, tmp_path: Path) -> None:
    masks = tmp_path / "dog-masks" / "n1-Pug"
    cv2.imwrite(str(masks / "n1_1.png"), np.full((HEIGHT, WIDTH), 255, np.uint8))
    cv2.imwrite(str(tmp_path / "dog-masks" / "n2-Chow" / "n2_1.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
    report = convert_data_set("dogs", dogs, tmp_path / "out", 30, masks=tmp_path / "dog-masks", largest=0.9)
    assert str(report) == "1 images in train, 0 in test; left out: 1 too large, 1 without object"


BREAKS = {
    "a file missing": (lambda root: (root / "images.txt").unlink(), "no images.txt; expected the unpacked CUB"),
    "no masks": (lambda root: (root.parent / "segmentations").rename(root.parent / "other"), "no segmentations/"),
    "a line short": (
        lambda root: (root / "bounding_boxes.txt").write_text("1 1 1 5 5\n2 1 1 5 5\n"),
        "bounding_boxes.txt has 2 images but images.txt 3",
    ),
    "half a line": (
        lambda root: (root / "bounding_boxes.txt").write_text("1 1 1 5 5\n2 1 1 5 5\n3 1"),
        "bounding_boxes.txt, line 3: expected",
    ),
    "not numbers": (
        lambda root: (root / "bounding_boxes.txt").write_text("1 a 1 5 5\n2 1 1 5 5\n3 1 1 5 nan\n"),
        "a bounding box is four numbers",
    ),
    "another split": (lambda root: (root / "train_test_split.txt").write_text("1 1\n2 2\n3 1\n"), "expected 0 or 1"),
    "out of its folder": (
        lambda root: (root / "images.txt").write_text("1 ../../a.jpg\n2 b.jpg\n3 c.jpg\n"),
        "names '../../a.jpg', which is no file",
    ),
    "a box elsewhere": (
        lambda root: (root / "bounding_boxes.txt").write_text("1 500 1 5 5\n2 1 1 5 5\n3 1 1 5 5\n"),
        r"1 images of .*A_1.jpg: its bounding box .* lies outside",
    ),
    "an image missing": (
        lambda root: (root / "images/001.A/A_1.jpg").unlink(),
        "1 images of .* cannot read .*A_1.jpg",
    ),
    "an image cut short": (
        lambda root: (root / "images/001.A/A_1.jpg").write_bytes((root / "images/001.A/A_1.jpg").read_bytes()[:300]),
        "A_1.jpg is cut short.*--skip-unreadable",
    ),
    "a mask missing": (lambda root: (root.parent / "segmentations/001.A/A_1.png").unlink(), "cannot read .*A_1.png"),
    "a mask of another size": (
        lambda root: cv2.imwrite(str(root.parent / "segmentations/001.A/A_1.png"), np.zeros((9, 9), np.uint8)),
        "A_1.png is 9x9 but its image 100x60",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken_birds(cub: Path, tmp_path: Path, name: str) -> None:
    damage, message = BREAKS[name]
    damage(cub)
    with pytest.raises(SourceError, match=message) as raised:
        convert_data_set("cub", cub, tmp_path / "out", 30)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_skipping_what_cannot_be_read(cub: Path, tmp_path: Path) -> None:
    (cub / "images/001.A/A_1.jpg").write_bytes(b"")
    report = convert_data_set("cub", cub, tmp_path / "out", 30, skip_unreadable=True)
    assert str(report) == "1 images in train, 1 in test; left out: 1 unreadable"
    assert read_image(tmp_path / "out" / "train" / "images" / "B_1.png").shape == (30, 30, 3)


@pytest.mark.parametrize(
    ("file", "data", "message"),
    [
        ("train_list.mat", None, "no train_list.mat; expected the unpacked lists"),
        ("train_list.mat", b"MATLAB 5.0 MAT-file" + bytes(200), "not a MATLAB file"),
        ("Annotation/n1-Pug/n1_1", None, "cannot read .*n1_1"),
        ("Annotation/n1-Pug/n1_1", b"<annotation><bndbox>", "not XML that can be read"),
        ("Annotation/n1-Pug/n1_1", b"<annotation/>", "has no bndbox"),
        (
            "Annotation/n1-Pug/n1_1",
            b'<!DOCTYPE a [<!ENTITY b "9">]><a><bndbox><xmin>&b;</xmin></bndbox></a>',
            "not XML that can be read",
        ),
    ],
)
def test_broken_dogs(dogs: Path, tmp_path: Path, file: str, data: bytes | None, message: str) -> None:
    (dogs / file).unlink() if data is None else (dogs / file).write_bytes(data)
    with pytest.raises(SourceError, match=message):
        convert_data_set("dogs", dogs, tmp_path / "out", 30)


def test_a_list_of_something_else(dogs: Path, cars: Path, tmp_path: Path) -> None:
    savemat(dogs / "test_list.mat", {"file_list": np.arange(3)})
    with pytest.raises(SourceError, match="should hold names"):
        convert_data_set("dogs", dogs, tmp_path / "out", 30)
    savemat(dogs / "test_list.mat", {"other": np.arange(3)})
    with pytest.raises(SourceError, match="no variable 'file_list'"):
        convert_data_set("dogs", dogs, tmp_path / "out", 30)
    savemat(cars / "devkit" / "cars_train_annos.mat", {"annotations": {"fname": "1.jpg"}})
    with pytest.raises(SourceError, match="need fname and bbox_x1"):
        convert_data_set("cars", cars, tmp_path / "out", 30)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:-5], "damaged or cut short"),
        (lambda data: gzip.compress(gzip.decompress(data)[:-9]), "is cut short"),
        (lambda data: gzip.compress(b"no record" * 9), "not a TFRecord file"),
        (lambda data: gzip.compress(struct.pack("<QI", 4, 0) + bytes(8)), "not one of CLEVR|lacks image"),
    ],
)
def test_broken_scenes(tmp_path: Path, scenes: dict[int, bytes], damage, message: str) -> None:
    (tmp_path / clevr6.FILE).write_bytes(damage(gzip.compress(scenes[3], 1)))
    with pytest.raises(SourceError, match=message):
        convert_data_set("clevr6", tmp_path, tmp_path / "out")


@pytest.mark.parametrize("name", convert.DOWNLOADS)
def test_another_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="expected"):
        convert_data_set(name, tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="expected"):
        convert_data_set(name, tmp_path / "empty", tmp_path / "out")


def test_wrong_use(cub: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are: cub, dogs"):
        convert_data_set("cats", cub, tmp_path / "out")
    with pytest.raises(UsageError, match="its own masks"):
        convert_data_set("cub", cub, tmp_path / "out", masks=cub)
    with pytest.raises(OutputError, match="not empty"):
        convert_data_set("cub", cub, cub)


@given(st.binary(max_size=200) | st.text(max_size=60).map(lambda text: f"<a><bndbox>{text}</bndbox></a>".encode()))
def test_any_annotation(data: bytes) -> None:
    try:
        largest_box(data, "x")
    except DRCError:
        pass


@given(st.binary(max_size=300), st.booleans())
def test_any_mat_and_tfrecord(tmp_path_factory: pytest.TempPathFactory, data: bytes, header: bool) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    head = b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" if header else b""
    path.write_bytes(head + data)
    with pytest.raises(SourceError):
        load_mat(path, "file_list")
    path.write_bytes(struct.pack("<QI", len(data), 0) + data + bytes(4) if header else data)
    try:
        list(clevr6.read_scenes(path))
    except DRCError:
        pass


_NUMBERS = st.floats(-200, 200)


@given(st.tuples(_NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS), st.integers(1, 90), st.integers(1, 90), st.floats(0, 2))
def test_a_square_lies_within_its_image(corners, height: int, width: int, margin: float) -> None:
    try:
        square = square_round(Box(*corners), height, width, margin)
    except SourceError:
        return
    assert square.side >= 1 and square.top >= 0 and square.left >= 0
    assert square.top + square.side <= height and square.left + square.side <= width
