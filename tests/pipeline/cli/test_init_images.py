"""What `init` writes for images: a size, and a network that fits it."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from recipeline.cli.init import command
from recipeline.cli.init_images import network_for
from recipeline.recipe.load import load_recipe


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for label, shade in (("dark", 10), ("light", 240)):
        (tmp_path / "photos" / label).mkdir(parents=True)
        for number in range(12):
            pixels = np.full((20, 30, 3), shade + number % 3, dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / label / f"{number}.png")
    return tmp_path / "photos"


def written(*more: str) -> str:
    result = CliRunner().invoke(command, ["photos", "-o", "photos.yaml", *more], standalone_mode=False)
    assert result.exception is None, result.exception
    return Path("photos.yaml").read_text()


def test_a_folder_of_images_needs_no_target(photos: Path) -> None:
    text = written()
    assert "{type: image_folder, path: photos}" in text
    assert "target: label" in text
    assert "size" not in text.partition("preprocessing:")[2].partition("architecture")[0].replace("large as", "")
    assert load_recipe("photos.yaml").architecture.plugin_name == "cnn"


def test_images_that_differ_get_a_size(photos: Path) -> None:
    Image.new("RGB", (50, 40)).save(photos / "dark" / "0.png")
    assert "{type: load_image, columns: image, size: [64, 64]}" in written()


@pytest.mark.parametrize(
    ("side", "blocks"),
    [(5, [16]), (8, [16, 32]), (28, [16, 32, 64]), (64, [16, 32, 64, 128]), (500, [16, 32, 64, 128])],
)
def test_blocks_leave_some_places(side: int, blocks: list[int]) -> None:
    assert network_for(side)["blocks"] == blocks
    assert side >> len(blocks) >= 2
