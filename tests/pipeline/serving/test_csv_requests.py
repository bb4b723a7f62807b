"""What MLflow's server makes of CSV: for our models the text that was sent, for all others what it always did."""

import sys
import warnings
from io import StringIO
from types import ModuleType

import pytest
from mlflow.exceptions import MlflowException
from mlflow.types.schema import AnyType, ColSpec, Schema

from recipeline.serving.csv_requests import SERVER, accept_csv

OURS = Schema([ColSpec(AnyType(), "code"), ColSpec(AnyType(), "size")])


@pytest.fixture(scope="module")
def server():
    """MLflow's module, whose first import warns of MLflow's own type hints."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.pyfunc import scoring_server
    return scoring_server


@pytest.fixture
def parse(server, monkeypatch):
    """The server's reader of CSV once one of our models is loaded."""
    monkeypatch.setattr(server, "parse_csv_input", server.parse_csv_input)
    accept_csv()
    return lambda text, schema: server.parse_csv_input(StringIO(text), schema)


def test_our_models_get_the_text_that_was_sent(parse):
    found = parse("code,size\n007,1\nNA,\n", OURS)
    assert found.to_dict(orient="list") == {"code": ["007", "NA"], "size": ["1", ""]}


def test_other_models_get_what_they_always_did(parse):
    theirs = Schema([ColSpec("long", "code"), ColSpec("double", "size")])
    assert parse("code,size\n007,1\n", theirs).to_dict(orient="list") == {"code": [7], "size": [1.0]}
    assert parse("code,size\nNA,1\n", None)["code"].isna().all()


def test_what_is_no_csv_is_the_senders_mistake(parse):
    with pytest.raises(MlflowException, match="the request is no CSV: No columns to parse") as raised:
        parse("", OURS)
    assert raised.value.get_http_status_code() == 400


def test_two_models_in_one_process_change_it_once(parse, server):
    first = server.parse_csv_input
    accept_csv()
    assert server.parse_csv_input is first


@pytest.mark.parametrize("there", [None, ModuleType(SERVER)])
def test_where_no_server_is_nothing_happens(there, monkeypatch):
    if there is None:
        monkeypatch.delitem(sys.modules, SERVER, raising=False)
    else:
        monkeypatch.setitem(sys.modules, SERVER, there)
    accept_csv()
    assert SERVER not in sys.modules or not hasattr(sys.modules[SERVER], "parse_csv_input")
