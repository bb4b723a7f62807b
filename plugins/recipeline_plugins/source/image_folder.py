"""Images in folders named after their classes."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from recipeline import DataError, Problem, Source

if TYPE_CHECKING:
    import polars as pl

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
"""How the name of an image file ends, in small or capital letters."""

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")


class ImageFolder(Source, name="image_folder"):
    """A folder with a folder of images for each class: `animals/cat/1.png` is an image of the class `cat`.

    Two columns: `path`, the images' absolute paths, and `label`, the classes. Rows are in the order of the names.
    Images may lie deeper, as in `animals/cat/2024/1.png`; hidden files and files of other endings are left out, and
    said so. A file that can't be opened as an image is an error, up to ten at once. The fingerprint covers what is in
    the files. Target: `label`.

    The layout is the one of torchvision's ImageFolder, https://pytorch.org/vision/stable/datasets.html
    """

    example = """
        data:
          source: {type: image_folder, path: animals}      # animals/cat/1.png, animals/dog/1.png, ...
          target: label
        preprocessing:
          - {type: load_image, size: [64, 64]}
          - normalize_image
        architecture: cnn
    """

    covers_files: ClassVar[bool] = True

    path: str
    """The folder, beside the recipe or below the working folder."""

    def scan(self) -> pl.LazyFrame:
        """A row an image."""
        import polars as pl

        folder, files = self._files()
        self._refuse_damaged(files)
        return pl.LazyFrame(
            {
                "path": [file.as_posix() for file in files],
                "label": [file.relative_to(folder).parts[0] for file in files],
            },
            schema={"path": pl.String, "label": pl.String},
        )

    def fingerprint(self) -> str:
        """The sha256 over every file's name below the folder and its contents."""
        folder, files = self._files()
        found = hashlib.sha256()
        for file in files:
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256").digest()
            found.update(file.relative_to(folder).as_posix().encode() + b"\0" + content)
        return found.hexdigest()

    def notes(self) -> list[str]:
        """Files that aren't images by their name, and images that belong to no class."""
        folder = self._folder_path()
        others: dict[str, int] = {}
        loose = 0
        for file in folder.rglob("*"):
            if _hidden(file, folder) or not file.is_file():
                continue
            if file.suffix.lower() not in ENDINGS:
                others[file.suffix or file.name] = others.get(file.suffix or file.name, 0) + 1
            elif file.parent == folder:
                loose += 1
        said = []
        if others:
            named = ", ".join(f"{count} {ending}" for ending, count in sorted(others.items()))
            said.append(f"Files in '{self.path}' that are no images by their names are left out: {named}.")
        if loose:
            said.append(f"{loose} images directly in '{self.path}' are left out: a class is a folder.")
        return said

    def location(self) -> str:
        """The folder as the recipe writes it."""
        return self.path

    def _folder_path(self) -> Path:
        folder = self.resolve(self.path).absolute()
        if not folder.is_dir():
            raise DataError(
                Problem("this is a file, not a folder", file=self.path, suggestion="Name the folder of the classes.")
            )
        return folder

    def _files(self) -> tuple[Path, list[Path]]:
        folder = self._folder_path()
        found = sorted(
            file
            for file in folder.rglob("*")
            if file.suffix.lower() in ENDINGS and file.parent != folder and not _hidden(file, folder) and file.is_file()
        )
        if not found:
            raise DataError(
                Problem(
                    "there are no images in folders of their classes here",
                    file=self.path,
                    suggestion=f"Expected {self.path}/CLASS/NAME with one of: {', '.join(ENDINGS)}.",
                )
            )
        return folder, found

    def _refuse_damaged(self, files: list[Path]) -> None:
        """Open and decode every image once: what is cut off must not stop a training that has begun.

        Raises:
            DataError: some can't be read; up to ten are named.
        """
        from PIL import Image

        problems = []
        for file in files:
            try:
                with Image.open(io.BytesIO(file.read_bytes()), formats=FORMATS) as image:
                    image.load()
            except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
                problems.append(
                    Problem(
                        "this is no image that can be read",
                        file=str(file),
                        # Pillow names its own buffer where the bytes begin like no format.
                        found=" ".join(str(error).partition(" <_io")[0].split())[:120],
                        suggestion="Mend it, or move it out of the folder.",
                    )
                )
            if len(problems) == 10:
                break
        if problems:
            raise DataError(*problems)


def _hidden(file: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(folder).parts)
