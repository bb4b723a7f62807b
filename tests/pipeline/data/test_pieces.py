"""Rows of unequal lengths come together in the order of their places, filled up with 0, and leave no piece behind."""

import numpy as np

from recipeline.data.pieces import Pieces, new_array


def test_pieces_are_joined_at_their_places_and_filled_up(tmp_path):
    pieces = Pieces(tmp_path)
    pieces.add("train", "tokens", slice(1, 3), np.array([[1, 2], [3, 4]]))
    pieces.add("train", "tokens", slice(0, 1), np.array([[5, 6, 7]]))
    pieces.add("test", "tokens", slice(0, 0), np.empty((0, 9), dtype=np.int64))
    assert pieces.kinds == ["tokens"]
    assert pieces.shapes("tokens") == [(2,), (3,)]
    assert pieces.join("tokens", {"train": 3, "test": 1}, np.int64) == (3,)
    assert np.load(tmp_path / "train.tokens.npy").tolist() == [[5, 6, 7], [1, 2, 0], [3, 4, 0]]
    assert np.load(tmp_path / "test.tokens.npy").tolist() == [[0, 0, 0]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["test.tokens.npy", "train.tokens.npy"]


def test_a_new_array_is_there_to_be_filled(tmp_path):
    array = new_array(tmp_path / "a.npy", np.float32, (2, 3))
    array[1] = 7
    array.flush()
    assert np.load(tmp_path / "a.npy").tolist() == [[0, 0, 0], [7, 7, 7]]
