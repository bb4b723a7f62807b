"""An interpreter of its own, and what it says when the model does not load there."""

import pytest

from recipeline.errors import RecipelineError
from recipeline.serving.fresh import FreshInterpreter


def test_a_model_that_does_not_load_there_is_a_fault_with_its_last_words(tmp_path):
    with FreshInterpreter() as fresh, pytest.raises(RecipelineError, match=r"fresh interpreter \(found .*model"):
        fresh.ask(tmp_path)


def test_it_ends_with_the_block_even_if_nobody_has_asked():
    with FreshInterpreter() as fresh:
        process = fresh._process
        assert process.poll() is None
    assert process.poll() is not None
    fresh.__exit__()  # a second time, as when the one who was handed it has ended it
