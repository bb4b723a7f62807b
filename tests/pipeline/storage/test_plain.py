"""Only a plain file is opened, and only plain JSON is believed."""

import os

import pytest

from recipeline.storage.plain import open_plain, read_plain, strict_json


def test_a_plain_file_is_read_up_to_a_size(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_plain(tmp_path / "a") == read_plain(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="it has more than 4 bytes"):
        read_plain(tmp_path / "a", 4)


def test_nothing_else_is_opened_or_waited_for(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    os.mkfifo(tmp_path / "pipe")
    for name, said in (("link", "it is a link"), ("pipe", "not a file"), (".", "not a file"), ("a\0b", "null byte")):
        with pytest.raises(OSError, match=said):
            open_plain(tmp_path / name)
    with pytest.raises(OSError, match="not a file"):
        open_plain(tmp_path.__class__("/dev/zero"))


def test_json_is_json():
    assert strict_json(b'{"a": [1, 2.5, null, "\xc3\xa9", "\\ud83d\\ude00"]}') == {"a": [1, 2.5, None, "é", "😀"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' stands twice"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b'"\\ud800"', "surrogates not allowed"),
        ('"é"'.encode("utf-16"), "decode"),
        (b"1" * 5000, "limit"),
    ],
)
def test_what_is_none_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        strict_json(text)
