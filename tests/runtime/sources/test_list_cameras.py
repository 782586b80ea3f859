"""The list of cameras."""

from pathlib import Path

from drc_runtime.sources.list_cameras import list_cameras


def device(folder: Path, number: int, name: str, index: int = 0) -> None:
    (folder / f"video{number}").mkdir()
    (folder / f"video{number}" / "name").write_text(name + "\n")
    (folder / f"video{number}" / "index").write_text(f"{index}\n")


def test_cameras_are_listed_by_number_without_their_metadata_devices(tmp_path: Path) -> None:
    device(tmp_path, 10, "Bench")
    device(tmp_path, 2, "Door")
    device(tmp_path, 3, "Door", index=1)
    assert list_cameras(tmp_path) == [("webcam:2", "/dev/video2", "Door"), ("webcam:10", "/dev/video10", "Bench")]


def test_without_cameras_the_list_is_empty(tmp_path: Path) -> None:
    assert list_cameras(tmp_path / "missing") == []
