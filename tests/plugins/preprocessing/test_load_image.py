"""The same image from a path, bytes, base64 and numbers; sizes, channels and what can't be read."""

import base64
import io
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from recipeline import DataError
from recipeline_plugins.preprocessing.load_image import MANY, LoadImage

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def loaded(step: LoadImage, column: pl.Series, learnt_from: pl.Series | None = None) -> np.ndarray:
    state = step.fit((column if learnt_from is None else learnt_from).to_frame().lazy())
    return step.transform(column.to_frame().lazy(), state).collect().to_series().to_numpy()


def test_every_form_gives_the_same_numbers(tmp_path: Path) -> None:
    file = tmp_path / "photo.png"
    file.write_bytes(png(PIXELS))
    coded = base64.b64encode(png(PIXELS)).decode()
    forms = [
        pl.Series("i", [str(file)]),
        pl.Series("i", [png(PIXELS)]),
        pl.Series("i", [coded]),
        pl.Series("i", [f"data:image/png;base64,{coded}"]),
        pl.Series("i", PIXELS[None]),
        pl.Series("i", [PIXELS.tolist()]),
        pl.Series("i", np.moveaxis(PIXELS, -1, 0)[None]),
    ]
    for form in forms:
        assert np.array_equal(loaded(LoadImage(), form, forms[0])[0], np.moveaxis(PIXELS, -1, 0)), form.dtype
        assert np.array_equal(loaded(LoadImage(), form)[0], np.moveaxis(PIXELS, -1, 0)), form.dtype


def test_size_and_channels() -> None:
    given = pl.Series("i", [png(PIXELS)])
    small = loaded(LoadImage(size=[3, 4], channels="gray"), given)
    expected = np.asarray(Image.fromarray(PIXELS).convert("L").resize((4, 3), Image.Resampling.BILINEAR))
    assert np.array_equal(small[0, 0], expected)
    assert loaded(LoadImage(), pl.Series("i", [png(PIXELS[..., 0])])).shape == (1, 1, 6, 5)
    both = pl.Series("i", [png(PIXELS[..., 0]), png(PIXELS)])
    assert loaded(LoadImage(), both).shape == (2, 3, 6, 5)
    padded = loaded(LoadImage(size=[12, 5], aspect="pad"), given)[0]
    assert not padded[:, :3].any()
    assert np.array_equal(padded[:, 3:9], np.moveaxis(PIXELS, -1, 0))
    assert np.array_equal(loaded(LoadImage(size=[4, 5], aspect="crop"), given)[0], np.moveaxis(PIXELS[1:5], -1, 0))


def test_a_camera_that_was_held_sideways() -> None:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PIXELS).save(buffer, "PNG", exif=exif)
    assert loaded(LoadImage(), pl.Series("i", [buffer.getvalue()])).shape == (1, 3, 5, 6)


def test_fractions_stay_fractions() -> None:
    x = np.random.default_rng(1).normal(size=(2, 4, 4)).astype(np.float32)
    assert np.array_equal(loaded(LoadImage(), pl.Series("i", x))[:, 0], x)
    as_bytes = pl.Series("i", [png(PIXELS[:4, :4, 0])])
    assert np.allclose(loaded(LoadImage(), as_bytes, pl.Series("i", x))[0, 0], PIXELS[:4, :4, 0] / 255)


def test_a_missing_image_stays_missing() -> None:
    step, cells = LoadImage(), pl.Series("i", [None, png(PIXELS)])
    made = step.transform(cells.to_frame().lazy(), step.fit(cells.to_frame().lazy())).collect().to_series()
    assert made.is_null().to_list() == [True, False]


def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    step = LoadImage(size=[4, 4], channels="rgb")
    good = png(PIXELS)
    for bad, words in (
        (good[: len(good) // 2], "row 2, column 'i': this is no image that can be read"),
        (b"GIF89a nonsense", "row 2, column 'i': this is no image"),
    ):
        with pytest.raises(DataError, match=words):
            loaded(step, pl.Series("i", [good, bad]))
    with pytest.raises(DataError, match=r"nowhere.png.*there is no such file"):
        loaded(step, pl.Series("i", [str(tmp_path / "nowhere.png")]))
    with pytest.raises(DataError, match=r"row 1.*these numbers are no image.*0 to 255"):
        loaded(step, pl.Series("i", [[[1, 999], [2, 3]]]), pl.Series("i", [[[1, 2], [2, 3]]]))
    with pytest.raises(DataError, match=r"not of one size.*from 3 x 5 to 6 x 5.*size: \[64, 64\]"):
        loaded(LoadImage(), pl.Series("i", [good, png(PIXELS[:3])]))
    with pytest.raises(DataError, match="reads paths, bytes or numbers"):
        loaded(step, pl.Series("i", [1, 2]))


def test_many_files_come_in_their_places_and_of_several_wrong_ones_the_first_is_named(tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3 * MANY, 6, 5), dtype=np.uint8)
    files = [tmp_path / f"{number}.png" for number in range(len(pixels))]
    for file, image in zip(files, pixels, strict=True):
        file.write_bytes(png(image))
    column = pl.Series("i", [None, *map(str, files)])
    found = LoadImage().transform(column.to_frame().lazy(), LoadImage().fit(column.to_frame().lazy())).collect()["i"]
    assert found[0] is None
    assert np.array_equal(found[1:].to_numpy()[:, 0], pixels)

    state = LoadImage().fit(column.to_frame().lazy())
    for number in (40, 20, 30):
        files[number].write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        LoadImage().transform(column.to_frame().lazy(), state).collect()
    assert "row 22" in str(caught.value)
