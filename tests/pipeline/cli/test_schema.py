import json

from recipeline.catalog import installed
from recipeline.cli.main import main
from recipeline.recipe.json_schema import build


def test_it_goes_to_stdout(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == build(installed())


def test_or_to_a_file(tmp_path, capsys):
    path = tmp_path / "recipe.schema.json"
    assert main(["schema", "-o", str(path)]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"wrote {path}\n")
    assert json.loads(path.read_text()) == build(installed())
    assert path.read_text().endswith("}\n")


def test_a_folder_is_no_file(tmp_path, capsys):
    assert main(["schema", "-o", str(tmp_path)]) == 2
    assert "is a directory. See: recipeline schema --help" in capsys.readouterr().err
