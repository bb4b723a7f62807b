"""A folder of images as a table: which files count, what the fingerprint sees, which damage is named."""

from pathlib import Path

import pytest
from PIL import Image

from recipeline import DataError
from recipeline_plugins.source.image_folder import ImageFolder


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    for label, names in {"dog": ["b.png", "a.PNG"], "cat": ["old/1.jpg"]}.items():
        for name in names:
            file = tmp_path / "animals" / label / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (3, 2), (9, 8, 7)).save(file)
    return tmp_path / "animals"


def source(folder: Path) -> ImageFolder:
    return ImageFolder.model_validate({"path": "animals"}, context={"folder": folder.parent})


def test_a_class_is_a_folder_and_rows_are_in_the_order_of_names(animals: Path) -> None:
    rows = source(animals).scan().collect()
    assert rows["label"].to_list() == ["cat", "dog", "dog"]
    assert rows["path"].to_list() == [str(animals / name) for name in ("cat/old/1.jpg", "dog/a.PNG", "dog/b.png")]


def test_other_files_are_left_out_and_said(animals: Path) -> None:
    (animals / "dog" / "notes.txt").write_text("woof")
    (animals / "dog" / ".hidden.png").write_bytes(b"x")
    Image.new("L", (2, 2)).save(animals / "loose.png")
    found = source(animals)
    assert found.scan().collect().height == 3
    assert found.notes() == [
        "Files in 'animals' that are no images by their names are left out: 1 .txt.",
        "1 images directly in 'animals' are left out: a class is a folder.",
    ]


def test_the_fingerprint_sees_contents_and_names_but_not_the_place(animals: Path, tmp_path: Path) -> None:
    before = source(animals).fingerprint()
    assert source(animals).fingerprint() == before
    moved = animals.rename(animals.parent / "moved").rename(tmp_path / "animals")
    assert source(moved).fingerprint() == before
    Image.new("RGB", (3, 2), (9, 8, 6)).save(animals / "dog" / "b.png")
    changed = source(animals).fingerprint()
    assert changed != before
    (animals / "dog" / "b.png").rename(animals / "cat" / "b.png")
    assert source(animals).fingerprint() not in (before, changed)


def test_damaged_images_are_named(animals: Path) -> None:
    whole = (animals / "dog" / "b.png").read_bytes()
    (animals / "dog" / "b.png").write_bytes(whole[: len(whole) // 2])
    (animals / "dog" / "text.png").write_text("no image")
    with pytest.raises(DataError) as error:
        source(animals).scan()
    assert [Path(str(problem.file)).name for problem in error.value.problems] == ["b.png", "text.png"]
    assert "this is no image that can be read" in str(error.value)
    assert "(found cannot identify image file)" in str(error.value)


def test_a_folder_without_images_says_what_is_expected(animals: Path) -> None:
    for file in animals.rglob("*.*"):
        file.unlink()
    with pytest.raises(DataError, match=r"no images in folders of their classes.*animals/CLASS/NAME"):
        source(animals).fingerprint()
    (animals.parent / "file.png").write_bytes(b"")
    with pytest.raises(DataError, match="this is a file, not a folder"):
        ImageFolder.model_validate({"path": "file.png"}, context={"folder": animals.parent}).fingerprint()
