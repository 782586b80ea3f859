"""The paper's downloads: small copies in the original layout, whole and broken."""

import gzip
from pathlib import Path

import cv2
import numpy as np
import pytest

from drc_runtime.errors import OutputError, SourceError, UsageError
from drc_runtime.images import read_image
from drc_train.data.downloads import boxes, clevr6, crops
from drc_train.data.downloads.convert import convert_data_set
from drc_train.data.downloads.options import DOWNLOADS, ConversionOptions
from drc_train.data.evaluation import load_evaluation

HEIGHT, WIDTH = 60, 100
SMALL = ConversionOptions(30)


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
    report = convert_data_set("cub", cub, tmp_path / "out", SMALL)
    assert (report.train, report.test, str(report)) == (2, 1, "2 images in train, 1 in test")
    check(tmp_path / "out", ["A_1", "B_1"], ["A_2"])


def test_birds_from_the_folder_that_both_archives_were_unpacked_to(cub: Path, tmp_path: Path) -> None:
    assert convert_data_set("cub", tmp_path, tmp_path / "out", SMALL).train == 2


def test_dogs(dogs: Path, tmp_path: Path) -> None:
    report = convert_data_set("dogs", dogs, tmp_path / "out", ConversionOptions(30, truth=tmp_path / "dog-masks"))
    assert (report.train, report.test) == (2, 1)
    check(tmp_path / "out", ["n1_1", "n1_2"], ["n2_1"])


def test_cars(cars: Path, tmp_path: Path) -> None:
    report = convert_data_set("cars", cars, tmp_path / "out", ConversionOptions(30, truth=tmp_path / "car-masks"))
    assert (report.train, report.test) == (2, 1)
    check(tmp_path / "out", ["00001", "00002"], ["00001"])


@pytest.mark.parametrize("packed", [True, False])
def test_scenes(tmp_path: Path, scenes: dict[int, bytes], packed: bool, monkeypatch) -> None:
    monkeypatch.setattr(crops, "TEST_SCENES", 1)
    (tmp_path / "in").mkdir()
    data = scenes[3] + scenes[7] + scenes[6] + scenes[3]
    (tmp_path / "in" / clevr6.FILE).write_bytes(gzip.compress(data, 1) if packed else data)
    report = convert_data_set("clevr6", tmp_path / "in", tmp_path / "out", ConversionOptions(192))
    assert (report.train, report.test) == (2, 1)
    first = next(iter(load_evaluation(str(tmp_path / "out" / "test"))))
    image, mask = next(clevr6.read_scenes(tmp_path / "in"))
    assert np.array_equal(first.mask, mask) and np.array_equal(first.image, image)


def test_without_masks_images_alone(dogs: Path, tmp_path: Path) -> None:
    convert_data_set("dogs", dogs, tmp_path / "out", SMALL)
    assert [path.name for path in (tmp_path / "out" / "train").iterdir()] == ["images"]


def test_masks_of_what_was_written(dogs: Path, tmp_path: Path) -> None:
    """An approximate mask may come from the crop, as the paper's do, and lie flat."""
    mask = np.zeros((30, 30), np.uint8)
    mask[3:9] = 255
    (tmp_path / "flat").mkdir()
    cv2.imwrite(str(tmp_path / "flat" / "n1_2.png"), mask)
    report = convert_data_set("dogs", dogs, tmp_path / "out", ConversionOptions(30, truth=tmp_path / "flat"))
    assert (report.train, report.without_mask, report.test) == (1, 2, 0)
    assert np.array_equal(next(iter(load_evaluation(str(tmp_path / "out" / "train")))).mask, mask)


def test_cars_masks_are_told_apart_by_their_folder(cars: Path, tmp_path: Path) -> None:
    """00001.jpg is another car in each split, so a mask without a folder belongs to none of them."""
    with pytest.raises(SourceError, match="no image to learn from.*3 without mask"):
        convert_data_set(
            "cars", cars, tmp_path / "out", ConversionOptions(30, truth=tmp_path / "car-masks" / "cars_train")
        )


def test_the_appendix_s_filters(dogs: Path, tmp_path: Path) -> None:
    masks = tmp_path / "dog-masks" / "n1-Pug"
    cv2.imwrite(str(masks / "n1_1.png"), np.full((HEIGHT, WIDTH), 255, np.uint8))
    cv2.imwrite(str(tmp_path / "dog-masks" / "n2-Chow" / "n2_1.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
    report = convert_data_set(
        "dogs", dogs, tmp_path / "out", ConversionOptions(30, truth=tmp_path / "dog-masks", largest=0.9)
    )
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
        convert_data_set("cub", cub, tmp_path / "out", SMALL)
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_skipping_what_cannot_be_read(cub: Path, tmp_path: Path) -> None:
    (cub / "images/001.A/A_1.jpg").write_bytes(b"")
    report = convert_data_set("cub", cub, tmp_path / "out", ConversionOptions(30, skip_unreadable=True))
    assert str(report) == "1 images in train, 1 in test; left out: 1 unreadable"
    assert read_image(tmp_path / "out" / "train" / "images" / "B_1.png").shape == (30, 30, 3)


@pytest.mark.parametrize("name", DOWNLOADS)
def test_another_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError, match="expected"):
        convert_data_set(name, tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="expected"):
        convert_data_set(name, tmp_path / "empty", tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("cats", ConversionOptions(), "there are: cub, dogs, cars, clevr6"),
        ("cub", ConversionOptions(truth=Path()), "--truth has no effect: cub brings its own masks"),
        ("clevr6", ConversionOptions(truth=Path()), "--truth has no effect: clevr6"),
        ("clevr6", ConversionOptions(margin=0.0), "--margin has no effect"),
        ("clevr6", ConversionOptions(skip_unreadable=True), "--skip-unreadable has no effect"),
        ("dogs", ConversionOptions(largest=0.9), "--largest has no effect: dogs brings no masks"),
        ("cub", ConversionOptions(size=7), "--size 7: give 8 to 2048 pixels"),
        ("cub", ConversionOptions(margin=4.5), "--margin 4.5: give 0 to 4"),
        ("cub", ConversionOptions(largest=0.0), "--largest 0.0: give more than 0"),
    ],
)
def test_options_out_of_range_or_without_effect(
    cub: Path, tmp_path: Path, name: str, options: ConversionOptions, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        convert_data_set(name, cub, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_folders_that_do_not_fit(dogs: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere is not a folder; name the folder of approximate masks"):
        convert_data_set("dogs", dogs, tmp_path / "out", ConversionOptions(truth=tmp_path / "nowhere"))
    with pytest.raises(OutputError, match="not empty"):
        convert_data_set("dogs", dogs, dogs)


def test_a_margin_widens_the_square(cub: Path, tmp_path: Path) -> None:
    """The square 50, 15 of side 30 becomes 42, 8 of side 45, which also has 8 columns to the left of the object."""
    convert_data_set("cub", cub, tmp_path / "out", ConversionOptions(45, margin=0.5))
    first = next(iter(load_evaluation(str(tmp_path / "out" / "train"))))
    truth = np.zeros((45, 45), np.uint8)
    truth[12:32, 8:38] = 255
    assert np.array_equal(first.mask, truth)


def test_clevr_s_filter_by_size(tmp_path: Path, scenes: dict[int, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """The object of 40x40 pixels covers 4.3 % of the crop."""
    monkeypatch.setattr(crops, "TEST_SCENES", 0)
    (tmp_path / "in").write_bytes(scenes[3])
    assert convert_data_set("clevr6", tmp_path / "in", tmp_path / "a", ConversionOptions(largest=0.05)).train == 1
    with pytest.raises(SourceError, match="1 too large"):
        convert_data_set("clevr6", tmp_path / "in", tmp_path / "b", ConversionOptions(largest=0.04))


def test_the_released_crop_of_birds(cub: Path, tmp_path: Path) -> None:
    """Half side int(0.75 * 30) = 22 around (65, 30): rows 8 to 52, columns 43 to 87."""
    options = ConversionOptions(44, protocol="released")
    convert_data_set("cub", cub, tmp_path / "out", options)
    truth = np.zeros((44, 44), np.uint8)
    truth[12:32, 7:37] = 255
    assert np.array_equal(next(iter(load_evaluation(str(tmp_path / "out" / "train")))).mask, truth)


def test_a_released_crop_that_leaves_the_image_is_squashed() -> None:
    square = boxes.released_square(boxes.Box(80, 10, 100, 50))
    assert square == boxes.Square(0, 60, 60)
    assert square.cut(np.zeros((60, 100))).shape == (60, 40)
    assert boxes.released_square(boxes.Box(0, 0, 20, 20)).cut(np.zeros((60, 100))).shape == (25, 25)


def test_the_split_of_table_3(cub: Path, tmp_path: Path) -> None:
    options = ConversionOptions(30, split="table3")
    with pytest.raises(SourceError, match="mickaelChen/ReDO"):
        convert_data_set("cub", cub, tmp_path / "out", options)
    (cub / "train_val_test_split.txt").write_text("1 2\n2 0\n3 1\n")
    report = convert_data_set("cub", cub, tmp_path / "out", options)
    assert (report.train, report.test, report.validation) == (1, 1, 1)
    check(tmp_path / "out", ["A_2"], ["A_1"])


def test_all_images_in_one_folder(cars: Path, tmp_path: Path) -> None:
    options = ConversionOptions(30, truth=tmp_path / "car-masks", split="all")
    assert convert_data_set("cars", cars, tmp_path / "out", options).train == 3
    found = [item.name for item in load_evaluation(str(tmp_path / "out"))]
    assert found == ["test-00001", "train-00001", "train-00002"]


def test_images_that_a_list_excludes(dogs: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("n1-Pug/n1_2\n\n")
    report = convert_data_set("dogs", dogs, tmp_path / "out", ConversionOptions(30, exclude=tmp_path / "names.txt"))
    assert (report.train, report.test, report.excluded) == (1, 1, 1)
    with pytest.raises(SourceError, match="cannot read the list"):
        convert_data_set("dogs", dogs, tmp_path / "no", ConversionOptions(30, exclude=tmp_path / "none.txt"))


@pytest.mark.parametrize(("protocol", "left"), [(None, 2), ("paper", 1)])
def test_the_papers_filter_of_dogs(dogs: Path, tmp_path: Path, protocol: str | None, left: int) -> None:
    cv2.imwrite(str(tmp_path / "dog-masks" / "n1-Pug" / "n1_2.png"), np.full((HEIGHT, WIDTH), 255, np.uint8))
    options = ConversionOptions(30, truth=tmp_path / "dog-masks", protocol=protocol)
    assert convert_data_set("dogs", dogs, tmp_path / "out", options).train == left


def test_the_released_crop_of_scenes(tmp_path: Path, scenes: dict[int, bytes]) -> None:
    (tmp_path / clevr6.FILE).write_bytes(scenes[3])
    options = ConversionOptions(192, protocol="released", split="all")
    assert convert_data_set("clevr6", tmp_path, tmp_path / "out", options).train == 1
    mask = next(iter(load_evaluation(str(tmp_path / "out")))).mask
    assert np.flatnonzero(mask[:, 80]).min() == 100 - 29
