import time

import pytest
import yaml

from recipeline.cli.main import main
from recipeline.errors import RecipeError
from recipeline.recipe import read as reading
from recipeline.recipe.read import MAX_BYTES, decode, read, read_file, read_value

PARSERS = [yaml.SafeLoader] + ([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])


@pytest.fixture(params=PARSERS, ids=lambda parser: parser.__name__)
def parser(request, monkeypatch):
    monkeypatch.setattr(reading, "PARSER", request.param)


def said(text):
    with pytest.raises(RecipeError) as caught:
        read(text, "r.yaml")
    return str(caught.value)


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "r.yaml:1:1: the recipe is empty. Start one with: recipeline init DATA"),
        ("# only a comment\n", "r.yaml:1:1: the recipe is empty"),
        ("[a, b]", "r.yaml:1:1: a recipe is a mapping of settings (found a list)"),
        ("just text", "r.yaml:1:1: a recipe is a mapping of settings (found 'just text')"),
        ("a: 1\na: 2", "r.yaml:2:1: the key 'a' stands twice in one mapping (first in line 1). Remove one"),
        ("a: {b: 1, 'b': 2}", "r.yaml:1:11: the key 'b' stands twice"),
        ("a: &x 1", "r.yaml:1:4: an anchor, '&x'"),
        ("a: 1\nb: *x", "r.yaml:2:4: an alias, '*x'. Write the value out"),
        ("*x : 3", "r.yaml:1:1: an alias, '*x'"),
        ("a: !!python/object/apply:os.system [ls]", "r.yaml:1:4: a YAML tag, 'tag:yaml.org,2002:python/object"),
        ("a: !!str 5", "r.yaml:1:4: a YAML tag"),
        ("a: !mine {b: 1}", "r.yaml:1:4: a YAML tag, '!mine'"),
        ("a: ! x", "r.yaml:1:4: a YAML tag, '!'"),
        ("<<: {a: 1}", "r.yaml:1:1: a merge key, '<<'"),
        ("a: 1\n---\nb: 2", "r.yaml:2:1: a second document in the file"),
        ("%YAML 1.1\n---\na: 1", "r.yaml:1:1: a YAML directive"),
        ("%TAG ! tag:x,2000:\n---\na: 1", "r.yaml:1:1: a YAML directive"),
        ("1: x", "r.yaml:1:1: the key 1 is not text. Write it in quotes: '1'."),
        ("true: x", "r.yaml:1:1: the key true is not text"),
        ("~: x", "r.yaml:1:1: the key ~ is not text"),
        ("?\n: x", "an empty key"),
        ("{: x}", "r.yaml:1:2: a sign where a value should be"),
        ("? [a]\n: b", "r.yaml:1:3: a mapping or list as a key. Keys are words."),
        ("? {a: 1}\n: b", "r.yaml:1:3: a mapping or list as a key"),
        ("a: [1, 2", "r.yaml:1:4: a '[' that is not closed"),
        ("a: {b: 2", "r.yaml:1:4: a '{' that is not closed"),
        ("a: [1]]", "r.yaml:1:7: a ']' that closes nothing"),
        ("a: 'x", "r.yaml:1:4: a quote that is opened and not closed"),
        ('a: "x', "r.yaml:1:4: a quote that is opened and not closed"),
        ("a: b: c", "r.yaml:1:5: a ':' where no key can stand. Put text with ': ' in it in quotes."),
        ("\ta: 1", "r.yaml:1:1: a tab as indentation. Indent with spaces."),
        ("a: @x", "r.yaml:1:4: no value can start with '@'. Put the text in quotes."),
        ("a: `x`", "r.yaml:1:4: no value can start with '`'"),
        ("a: - b", "r.yaml:1:4: a '- ' where no list can stand"),
        ("a: 1\nb\n", "r.yaml:2:1: a line without ':'"),
        ('a: "\\q"', "an unknown escape in double quotes"),
        ('a: "\\0"', "r.yaml:1:4: text with a character that no file or name can hold"),
        ('a: "\\ud800"', "r.yaml:1:"),
        ("a: " + "9" * 5000, "r.yaml:1:4: a number of 5000 characters; 400 is the longest that is read"),
        ("a: " + "[" * 60, "r.yaml:1:43: more than 40 levels, one in another"),
        ("a: " + "{b: " * 60, "more than 40 levels, one in another"),
    ],
)
def test_a_trap_is_refused_where_it_stands(text, says, tmp_path, capsys):
    message = said(text)
    assert says in message
    (tmp_path / "r.yaml").write_text(text)
    assert main(["validate", str(tmp_path / "r.yaml")]) == 2
    assert capsys.readouterr() == ("", f"{tmp_path}/" + message.replace("\n", f"\n{tmp_path}/") + "\n")


def test_a_hundred_thousand_brackets_are_refused_at_once():
    began = time.perf_counter()
    assert "more than 40 levels" in said("a: " + "[" * 100_000)
    assert "more than 40 levels" in said("\n".join(" " * depth + "a:" for depth in range(500)))
    assert time.perf_counter() - began < 2


def test_a_bomb_of_aliases_is_never_expanded():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    assert "r.yaml:1:5: an anchor, '&a0'" in said("\n".join(lines))


def test_too_many_values_are_refused():
    assert "more than 50000 values. Data belongs into a file of its own" in said(f"a: [{'1,' * 60_000}]")


def test_all_traps_are_told_at_once_but_not_a_hundred_thousand_of_them():
    assert [problem.line for problem in _problems("a: &x 1\nb: !t 2\nc: 3\nc: 4\n5: 6")] == [1, 2, 4, 5]
    assert len(_problems("\n".join(f"k{i}: &a {i}" for i in range(1000)))) == reading.MAX_PROBLEMS


def _problems(text):
    with pytest.raises(RecipeError) as caught:
        read(text, "r.yaml")
    return caught.value.problems


@pytest.mark.usefixtures("parser")
def test_values_come_with_their_places():
    root = read("a: 1e-3\nbody:\n  list: [no, {c: 'x'}]\n", "r.yaml")
    assert root.plain() == {"a": 0.001, "body": {"list": ["no", {"c": "x"}]}}
    inner = root.step("body").step("list").step(1).step("c")
    assert (inner.key.line, inner.key.column) == (3, 15)
    assert (inner.place.line, inner.place.column) == (3, 18)
    assert inner.quoted
    assert root.step("a").written == "1e-3"


@pytest.mark.usefixtures("parser")
def test_quotes_and_blocks_are_text():
    text = "a: '1'\nb: \"true\"\nc: |\n  1\nd: >-\n  null\n"
    assert read(text, "r").plain() == {"a": "1", "b": "true", "c": "1\n", "d": "null"}


@pytest.mark.usefixtures("parser")
def test_version_1_2_may_be_declared():
    assert read("%YAML 1.2\n---\na: no\n", "r").plain() == {"a": "no"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"x" * (MAX_BYTES + 1), "r.yaml:1:1: the file is larger than 1000 kB"),
        (b"a: 1\nb: \xe9t\xe9", "r.yaml:2:4: the file is not UTF-8 (found byte 0xe9). Save it as UTF-8."),
        ("a: 1".encode("utf-16"), "r.yaml:1:1: the file is UTF-16"),
        (b"a: x\x00y", "r.yaml:1:5: a character that YAML does not allow (found U+0000)"),
        (b"a: 1\r\nb: \x1b[31m", "r.yaml:2:4: a character that YAML does not allow (found U+001B)"),
        ("a: x\u2028y".encode(), "r.yaml:1:5: a character that YAML does not allow (found U+2028)"),
    ],
)
def test_bytes_that_are_no_text_are_refused(data, says):
    with pytest.raises(RecipeError) as caught:
        decode(data, "r.yaml")
    assert says in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_first_key():
    assert read(decode(b"\xef\xbb\xbfa: \xc3\xa9", "r"), "r").plain() == {"a": "é"}


def test_a_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "census.yaml").write_text("name: x")
    with pytest.raises(RecipeError, match=r"there is no such file\. There is: census\.yaml\.") as caught:
        read_file(tmp_path / "cenus.yaml")
    assert caught.value.problems[0].file == str(tmp_path / "cenus.yaml")


def test_a_folder_is_not_a_recipe(tmp_path):
    with pytest.raises(RecipeError, match="this is a folder, not a recipe"):
        read_file(tmp_path)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b"])
def test_a_name_that_no_file_can_have_is_refused_in_words(tmp_path, name):
    with pytest.raises(RecipeError, match="the file can't be read"):
        read_file(tmp_path / name)


def test_reading_stops_at_the_limit(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a: " + b"x" * 5_000_000)
    with pytest.raises(RecipeError, match="larger than 1000 kB"):
        read_file(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.01", 0.01), (" no ", "no"), ("", None), ("[1, 2]", [1, 2]), ("{a: sgd, lr: 1e-2}", {"a": "sgd", "lr": 0.01}),
     ("'1'", "1"), ("a: b", "a: b"), ("foo #1", "foo #1"), ("*x", "*x"), ("!t", "!t")],
)  # fmt: skip
def test_the_value_of_an_override(text, value):
    assert read_value(text, "override 'x'").plain() == value


@pytest.mark.parametrize("text", ["[1", "{a: 1", "'x", "[&a 1, *a]", "[!!python/name:os.system ]", "{a: 1, a: 2}"])
def test_a_wrong_value_of_an_override_names_the_override(text):
    with pytest.raises(RecipeError) as caught:
        read_value(text, "override 'x'")
    assert all(problem.file == "override 'x'" and problem.line is None for problem in caught.value.problems)
