import polars as pl
import pytest

from recipeline import errors
from recipeline.errors import (
    DataError,
    EnvironmentFault,
    Interrupted,
    MissingExtra,
    Problem,
    RecipeError,
    RecipelineError,
    UnsafeError,
    UsageError,
    UserError,
)


@pytest.mark.parametrize(
    ("problem", "line"),
    [
        (Problem("wrong"), "wrong."),
        (Problem("wrong", path="a.b"), "a.b: wrong."),
        (Problem("wrong", file="r.yaml", line=3, column=7), "r.yaml:3:7: wrong."),
        (Problem("wrong", file="r.yaml", line=3, column=7, path="a.b"), "r.yaml:3:7  a.b: wrong."),
        (Problem("wrong", found="'x'", suggestion="Write y."), "wrong (found 'x'). Write y."),
        (Problem("wrong", file="d.csv", row=4, field="age"), "d.csv, row 4, column 'age': wrong."),
        (Problem("wrong", row=4), "row 4: wrong."),
    ],
)
def test_a_problem_is_one_line(problem, line):
    assert str(problem) == line


@pytest.mark.parametrize(
    ("kind", "code", "parent"),
    [
        (RecipelineError, 1, Exception), (UserError, 2, RecipelineError), (RecipeError, 2, UserError),
        (DataError, 2, UserError), (UsageError, 2, UserError), (UnsafeError, 3, RecipelineError),
        (EnvironmentFault, 4, RecipelineError), (MissingExtra, 4, EnvironmentFault),
    ],
)  # fmt: skip
def test_each_kind_ends_a_command_with_its_code(kind, code, parent):
    assert kind.exit_code == code
    assert issubclass(kind, parent)


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_a_signal_gives_the_shells_code(number, code):
    assert Interrupted(number).code == code


def test_an_error_carries_all_its_problems():
    error = RecipeError(Problem("one", line=1), "two")
    assert str(error) == "1: one.\ntwo."
    assert [problem.message for problem in error.problems] == ["one", "two"]


def test_a_missing_extra_gives_the_command():
    assert str(MissingExtra("the source 'sample'", "palmerpenguins", "samples")) == (
        "the source 'sample' needs the package 'palmerpenguins', which is not installed. "
        "Install it with: pip install 'recipeline[samples]'"
    )


def test_the_tree_at_the_top_names_every_exception():
    kinds = {name for name in errors.__all__ if name != "Problem"}
    assert all(f" {name} " in f" {errors.__doc__} " for name in kinds)


def test_an_error_is_reworded_in_every_text():
    error = MissingExtra("the source", "secret-package", "x")
    error.reword(lambda text: text.replace("secret", "***"))
    assert "secret" not in str(error)
    assert "'***-package'" in str(error.problems[0])
    assert error.exit_code == 4


def test_an_error_that_left_a_polars_expression_keeps_its_own_words():
    def refuse(_):
        raise DataError(Problem("it is too long", field="n", found="7", suggestion="Shorten it."))

    frame = pl.DataFrame({"n": [1]}).lazy().select(pl.col("n").map_batches(refuse, return_dtype=pl.Int64) + 1)
    with pytest.raises(DataError) as caught:
        frame.collect()
    assert str(caught.value) == "column 'n': it is too long (found 7). Shorten it."
