import pytest

from recipeline.nearest import did_you_mean, distance, nearest


@pytest.mark.parametrize(
    ("a", "b", "far"),
    [
        ("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("abc", "acb", 0.8), ("abc", "abbc", 0.8),
        ("abc", "abp", 1), ("abc", "abx", 0.8),
        ("lr", "kr", 0.8),
        ("kitten", "sitting", 3), ("abc", "ab", 1), ("abb", "ab", 0.8), ("a", "abcdefgh", 8),
    ],
)  # fmt: skip
def test_the_distance(a, b, far):
    assert distance(a, b) == pytest.approx(far)
    assert distance(b, a) == pytest.approx(far)


@pytest.mark.parametrize(
    ("word", "names", "meant"),
    [
        ("wieght", ["weight", "height"], ["weight"]),
        ("Weight", ["weight"], ["weight"]),
        ("batch-size", ["batch_size"], ["batch_size"]),
        ("l", ["l1", "l2", "elastic_net"], ["l1", "l2"]),
        ("xyz", ["lr", "eps"], []),
        ("", ["a"], []),
        ("x" * 1000, ["x"], []),
        ("a", ["b"], []),
        ("lr", [], []),
        ("crossentropy", ["cross_entropy", "binary_cross_entropy"], ["cross_entropy"]),
    ],
)
def test_what_was_meant(word, names, meant):
    assert nearest(word, names) == meant


def test_as_a_question():
    assert did_you_mean("l", ["l1", "l2"]) == "Did you mean 'l1' or 'l2'?"
    assert did_you_mean("xyz", ["l1"]) is None
