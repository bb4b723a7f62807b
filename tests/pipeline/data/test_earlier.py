"""New data has to look as the data of the earlier model did; what differs is named."""

from dataclasses import replace

import pytest

from recipeline.data.earlier import KeptStates, refuse_others
from recipeline.data.pipeline import FittedPipeline, FittedStep
from recipeline.errors import RecipeError
from recipeline.families.continued import EarlierModel, EarlierStep
from recipeline.families.spec import Block, InputSpec, TargetSpec
from recipeline_plugins.architecture.cnn import CNN
from recipeline_plugins.architecture.gru import GRU
from recipeline_plugins.architecture.mlp import MLP
from recipeline_plugins.architecture.pretrained import Pretrained
from recipeline_plugins.preprocessing.standardize import Standardize
from recipeline_plugins.preprocessing.tokenize import Tokenize

EMPTY = Block((), (0,))
TARGET = TargetSpec("binary", ("y",), ("no", "yes"), (1, 1))
NUMBERS = {"numeric": Block(("age", "size"), (2,)), "categorical": EMPTY}


def model(architecture, blocks, steps=()):
    found = EarlierModel("there", "0" * 64, architecture, (), InputSpec(blocks), TARGET, 2, {}, tuple(steps))
    return Pretrained(folder="there").going_on_from(found)


def pipeline(blocks, steps=()):
    return FittedPipeline((), tuple(steps), InputSpec(blocks), TARGET, accepts=tuple(blocks))


def refused(architecture, found) -> str:
    with pytest.raises(RecipeError) as error:
        refuse_others(architecture, found)
    return str(error.value)


def test_the_same_inputs_and_other_architectures_pass():
    refuse_others(model(MLP(), NUMBERS), pipeline(NUMBERS))
    refuse_others(MLP(), pipeline({"numeric": EMPTY, "categorical": EMPTY}))


def test_features_are_compared_by_name_and_order():
    words = refused(model(MLP(), NUMBERS), pipeline({**NUMBERS, "numeric": Block(("age", "price", "tax"), (3,))}))
    assert "the earlier model was trained with other features (found lacking: size; further: price, tax)" in words
    assert "There: age, size." in words
    words = refused(model(MLP(), NUMBERS), pipeline({**NUMBERS, "numeric": Block(("size", "age"), (2,))}))
    assert "with these features in another order (found order here: size, age)" in words


def test_a_kind_of_input_that_only_one_has_is_refused():
    words = refused(model(MLP(), NUMBERS), pipeline({**NUMBERS, "categorical": Block(("town",), (1,), (3,))}))
    assert "the earlier model has not been trained with columns of codes (found here: town; there: none)" in words


def test_images_need_as_many_channels_and_may_have_another_size():
    def images(channels, size=8):
        return {"image": Block(("photo",), (channels, size, size)), "series": EMPTY, "numeric": EMPTY}

    refuse_others(model(CNN(), images(1)), pipeline(images(1, 16)))
    assert "the earlier model's images have 1 channels (found 3)" in refused(
        model(CNN(), images(1)), pipeline(images(3))
    )


def test_series_need_as_many_channels():
    def series(channels):
        return {"tokens": EMPTY, "series": Block(("flow",), (9, channels)), "lengths": Block(("lengths",), ())}

    assert "the earlier model's series have 1 channels (found 2)" in refused(
        model(GRU(), series(1)), pipeline(series(2))
    )


def test_a_vocabulary_must_be_the_same_one():
    blocks = {"tokens": Block(("review",), (5,), (12,)), "series": EMPTY, "lengths": Block(("lengths",), ())}

    def step(kind, vocabulary, state):
        return kind(Tokenize(vocabulary=vocabulary), ("review",), state)

    learnt = {"review": WORDS}
    there = model(GRU(), blocks, [step(EarlierStep, 50, learnt)])
    refuse_others(there, pipeline(blocks, [step(FittedStep, 50, learnt)]))
    words = refused(there, pipeline(blocks, [step(FittedStep, 60, {"review": WORDS.replace("cat", "dog")})]))
    assert "the vocabulary of 'review' is not the one that the earlier model knows" in words
    assert "vocabulary: 60 here, 50 there" in words
    words = refused(there, pipeline(blocks, [step(FittedStep, 50, {"review": WORDS.replace("cat", "dog")})]))
    assert "the same settings, learnt from other rows" in words
    assert "none here" not in refused(there, pipeline(blocks, []))
    assert "here by the source, there by 'tokenize'" in refused(there, pipeline(blocks, []))


WORDS = '{"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", '
WORDS += '"max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "cat": 1}}}'


def test_a_state_goes_to_the_same_step_on_the_same_columns_once():
    known = EarlierStep(Standardize(columns="numeric"), ("age", "size"), {"age": [1, 2]})
    kept = KeptStates(model(MLP(), NUMBERS, [known]))
    assert kept.take(Standardize(columns="numeric"), ["age"]) is None
    assert kept.take(Standardize(columns="all"), ["age", "size"]) is None
    assert kept.take(Standardize(columns="numeric"), ["age", "size"]) == {"age": [1, 2]}
    assert kept.take(Standardize(columns="numeric"), ["age", "size"]) is None
    assert kept.notes() == ["From the earlier model comes what these steps have learnt: 'standardize'."]
    assert KeptStates(MLP()).take(Standardize(columns="numeric"), ["age", "size"]) is None
    assert KeptStates(MLP()).notes() == []


def test_a_step_that_learnt_nothing_is_kept_as_well():
    known = EarlierStep(Standardize(columns="numeric"), ("age",), {})
    assert KeptStates(model(MLP(), NUMBERS, [replace(known)])).take(known.plugin, ["age"]) == {}
