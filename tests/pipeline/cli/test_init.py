"""A starter recipe from a look at the data: it loads, says why, and overwrites nothing."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from recipeline.cli.init import command, default_name
from recipeline.data.prepare import prepare
from recipeline.data.read import read
from recipeline.data.split import split
from recipeline.errors import DataError, RecipelineError, UnsafeError, UsageError
from recipeline.recipe.defaults import fill
from recipeline.recipe.load import load_recipe
from recipeline.recipe.model import Recipe

Init = Callable[..., str]

ROWS = pl.DataFrame(
    {
        "age": [20, None, 40, 50] * 30,
        "city": ["Bern", "Oslo", None] * 40,
        "member": [True, False] * 60,
        "since": ["2024-01-31", "2024-02-28"] * 60,
        "id": [f"r{n:03}" for n in range(120)],
        "comment": [f"a sentence that nobody wrote {n // 2} times" for n in range(120)],
        "odd: name #1": [0.5, 1.5, 2.5] * 40,
        "left": ["no", "yes", "yes"] * 40,
    }
)


@pytest.fixture
def init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Init:
    """Run the command in a folder with the rows as CSV and as Parquet; returns its stdout."""
    monkeypatch.chdir(tmp_path)
    ROWS.write_csv(tmp_path / "staff 2024.csv")
    ROWS.write_parquet(tmp_path / "staff.parquet")

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(command, arguments, catch_exceptions=True)
        if isinstance(result.exception, RecipelineError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def ready(path: Path) -> Recipe:
    """The recipe with its arrays made, so that nothing but training is left."""
    recipe = load_recipe(path)
    cache = path.parent / "cache"
    table = read(recipe, cache)
    full = fill(recipe, table.task, {name: role for name, role in table.roles.items() if name not in table.targets})
    prepare(split(table, full), full, cache)
    return recipe


@pytest.mark.parametrize(
    ("data", "target", "task"),
    [
        ("staff 2024.csv", "left", "binary"),
        ("staff.parquet", "odd: name #1", "regression"),
        ("sample:penguins", "species", "multiclass"),
        ("sample:diabetes", "progression", "regression"),
    ],
)
def test_the_recipe_validates_and_runs_as_it_is(init: Init, tmp_path: Path, data: str, target: str, task: str) -> None:
    assert init(data, "--target", target, "-o", "starter.yaml") == ""
    recipe = ready(tmp_path / "starter.yaml")
    assert (recipe.data.target, recipe.data.task) == (target, task)


def test_without_a_file_it_goes_to_stdout(init: Init, tmp_path: Path) -> None:
    text = init("staff 2024.csv", "--target", "left")
    (tmp_path / "r.yaml").write_text(text)
    assert ready(tmp_path / "r.yaml").name == "staff_2024"
    assert sorted(path.name for path in tmp_path.glob("*.yaml")) == ["r.yaml"]


def test_the_reasons_stand_beside_the_settings(init: Init) -> None:
    text = init("staff 2024.csv", "--target", "left")
    assert "# the target 'left' holds 2 different words" in text
    assert "fills the 30 missing numbers" in text
    assert "categorical: city (40 missing)" in text
    assert "numeric: age (30 missing), odd: name #1" in text
    assert "    id: ignore" in text
    assert "    comment: ignore" in text
    assert "recipeline run staff_2024.yaml" in text
    assert all(len(line) <= 120 for line in text.splitlines())


def test_several_targets(init: Init, tmp_path: Path) -> None:
    init("sample:diabetes", "--target", "progression", "--target", "bmi", "-o", "r.yaml")
    recipe = ready(tmp_path / "r.yaml")
    assert (recipe.data.target, recipe.data.task) == (["progression", "bmi"], "regression")


def test_a_recipe_in_another_folder_finds_its_data(init: Init, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipes").mkdir()
    init("staff.parquet", "--target", "left", "-o", "recipes/r.yaml")
    ready(tmp_path / "recipes" / "r.yaml")


def test_the_name_can_be_given(init: Init) -> None:
    assert "\nname: attrition\n" in init("staff.parquet", "--target", "left", "--name", "attrition")
    assert default_name("data/sales 2024.csv.gz") == "sales_2024"
    assert default_name("data/*.csv") == "recipe"


def test_nothing_is_written_over_unless_forced(init: Init, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("mine")
    with pytest.raises(UnsafeError, match=r"r.yaml: this file is there already.*--force"):
        init("staff.parquet", "--target", "left", "-o", "r.yaml")
    assert (tmp_path / "r.yaml").read_text() == "mine"
    init("staff.parquet", "--target", "left", "-o", "r.yaml", "--force")
    assert ready(tmp_path / "r.yaml").targets == ("left",)


def test_without_a_target_the_columns_are_listed(init: Init) -> None:
    with pytest.raises(UsageError, match=r"no column to predict is named. The columns are: age, .*Likely: left"):
        init("staff 2024.csv")
    with pytest.raises(UsageError, match=r"Likely: species"):
        init("sample:penguins")


def test_an_unknown_target_gets_a_guess_and_the_columns(init: Init) -> None:
    with pytest.raises(UsageError, match=r"there is no column 'lfet'. Did you mean 'left'\? The columns are: age"):
        init("staff 2024.csv", "--target", "lfet")


def test_an_unknown_data_set_lists_those_there_are(init: Init) -> None:
    with pytest.raises(UsageError, match=r"no data set is named 'irs'. There are: penguins, iris"):
        init("sample:irs", "--target", "species")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,b\n1,2\n3\n", "row 2: the row is too short"),
        ("a,b\n" + "1,x\n" * 30, "one class only|too few|no rows"),
        ("a,b\n" + "1,x\n2,y\n" * 10 + "3,\n", "row 21, column 'b': the target is missing"),
    ],
)
def test_data_that_would_not_run_is_refused_now(init: Init, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "bad.csv").write_text(content)
    with pytest.raises(DataError, match=words):
        init("bad.csv", "--target", "b", "-o", "r.yaml")
    assert not (tmp_path / "r.yaml").exists()


def test_a_file_as_another_country_writes_it(init: Init, tmp_path: Path) -> None:
    rows = "".join(f"{row},5;Genève {row % 3};{row % 2}\n" for row in range(60))
    (tmp_path / "towns.csv").write_bytes(f"size;town;y\n{rows}".encode("cp1252"))
    text = init("towns.csv", "--target", "y")
    assert "{type: csv, path: towns.csv, encoding: cp1252, decimal: ','}" in text
    assert "numeric: size" in text
    (tmp_path / "towns.csv").write_bytes(f"size;town;y\n{rows}".encode("utf-16"))
    assert "{type: csv, path: towns.csv, encoding: utf-16, decimal: ','}" in init("towns.csv", "--target", "y")


def test_a_folder_that_is_not_there_is_refused(init: Init) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        init("staff.parquet", "--target", "left", "-o", "nowhere/r.yaml")


def test_nothing_heavy_is_imported(tmp_path: Path) -> None:
    ROWS.write_csv(tmp_path / "staff.csv")
    program = (
        "import sys; from recipeline.cli.init import command;"
        "command.main(['staff.csv', '--target', 'left', '-o', 'r.yaml'], standalone_mode=False);"
        "sys.exit(str({'torch', 'pytorch_lightning', 'mlflow', 'pandas'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "torch" not in done.stderr
    assert "wrote r.yaml" in done.stderr


def test_a_number_that_only_counts_or_names_the_rows_is_left_out_with_the_reason(init, tmp_path):
    rows = ROWS.drop("id", "comment").with_columns(
        row=pl.int_range(1, 121),
        customerId=pl.Series([(7 * n) % 1009 for n in range(120)]),
        price_index=pl.Series([(11 * n) % 1013 for n in range(120)]),
        down=pl.int_range(119, -1, -1),
    )
    rows.write_csv(tmp_path / "counted.csv")
    text = init("counted.csv", "--target", "left", "-o", "counted.yaml") or Path("counted.yaml").read_text()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    counts = "ignore # counts the rows: no new row has a number that was learnt. `numeric` to use it"
    assert f"row: {counts}" in lines
    assert f"down: {counts}" in lines
    assert "customerId: ignore # another number in every row, as names are. `numeric` to use it" in lines
    assert not any(line.startswith("price_index:") for line in lines)
    assert any("price_index" in line for line in lines)
    ready(tmp_path / "counted.yaml")


def test_a_number_that_counts_stays_where_there_is_nothing_else_or_few_rows(init, tmp_path):
    pl.DataFrame({"x": range(40), "y": [n * 2.5 for n in range(40)]}).write_csv(tmp_path / "line.csv")
    assert "counts the rows" not in init("line.csv", "--target", "y", "--table")
    pl.DataFrame({"id": range(6), "z": [1, 5, 2, 5, 3, 1], "y": [0.5, 2, 1, 2.5, 1, 2]}).write_csv(tmp_path / "few.csv")
    assert "counts the rows" not in init("few.csv", "--target", "y", "--table")
