import pytest
from measuring.programs import Failed
from measuring.rounds import Rounds, alternate


def test_contestants_take_turns_and_change_ends():
    order = []

    def of(name):
        return lambda: order.append(name) or {"seconds": 1.0}

    alternate({"a": of("a"), "b": of("b")}, 3)
    assert order == ["a", "b", "b", "a", "a", "b"]


def test_a_round_to_warm_up_is_not_counted():
    values = iter([100.0, 1.0, 2.0, 3.0])
    found = alternate({"a": lambda: {"seconds": next(values)}}, 3, warm_up=True)
    assert found.median("a", "seconds") == 2.0


def test_one_may_take_part_in_the_first_rounds_only():
    found = alternate({"a": lambda: {"s": 1.0}, "slow": lambda: {"s": 2.0}}, 5, fewer={"slow": 2})
    assert (len(found.measured["a"]), len(found.measured["slow"])) == (5, 2)
    assert found.ratios("slow", "a", "s") == [2.0, 2.0]


def test_ratios_are_of_the_same_round():
    # The machine was twice as slow in the second round, for both.
    found = Rounds({"floor": {0: {"s": 1.0}, 1: {"s": 2.0}}, "ours": {0: {"s": 1.5}, 1: {"s": 3.0}}})
    assert found.ratios("ours", "floor", "s") == [1.5, 1.5]
    assert found.ratios("ours", "floor", "other") == []
    assert found.ratios("ours", "nobody", "s") == []


def test_who_fails_once_is_out_and_the_reason_is_kept(capsys):
    def fails():
        raise Failed("exit code 3 of python: no such module")

    found = alternate({"a": lambda: {"s": 1.0}, "b": fails}, 2)
    assert found.names() == ["a"]
    assert found.failed == {"b": "exit code 3 of python: no such module"}
    assert capsys.readouterr().err.count("no such module") == 1


def test_an_error_of_the_benchmark_itself_is_no_result():
    with pytest.raises(ZeroDivisionError):
        alternate({"a": lambda: {"s": 1 / 0}}, 1)


def test_what_was_measured_apart_comes_together():
    found = Rounds({"a": {0: {"s": 1.0}, 1: {"s": 2.0}}, "b": {0: {"s": 3.0}}}, seconds=5)
    found.add(Rounds({"a": {0: {"mb": 9.0}}, "b": {0: {"mb": 6.0}}}, failed={"b": "why"}, seconds=2))
    assert found.measured["a"] == {0: {"s": 1.0, "mb": 9.0}, 1: {"s": 2.0}}
    assert found.ratios("b", "a", "mb") == [6 / 9]
    assert (found.failed, found.seconds) == ({"b": "why"}, 7)
