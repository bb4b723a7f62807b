"""What is known as a secret, or looks like one, stands in no text any more."""

import io
import json
from urllib.parse import quote

import pytest

from recipeline import secrecy

SECRET = "kq7-Vv/92 \"ü'"


@pytest.fixture(autouse=True)
def _known(monkeypatch):
    monkeypatch.setattr(secrecy, "_known", {})


def test_what_is_remembered_is_hidden_in_every_way_of_writing_it():
    secrecy.remember({SECRET: "${env:PW}"})
    texts = [SECRET, json.dumps({"a": SECRET}), repr({"a": SECRET}), f"http://h/?q={quote(SECRET, safe='')}"]
    for text in texts:
        assert "7-Vv" not in secrecy.hide(text), text
        assert "${env:PW}" in secrecy.hide(text)


def test_a_short_value_is_not_looked_for_in_all_texts_unless_it_is_asked_for():
    secrecy.remember({"a": "***"})
    assert secrecy.hide("an apple") == "an apple"
    assert secrecy.hide("an apple", {"pp": "${env:P}"}) == "an a${env:P}le"


def test_what_stands_in_the_place_of_one_is_not_searched_for_another():
    secrecy.remember({"/hidden/a.csv": "${env:WHERE}/a.csv", "/a.csv": "${env:REST}"})
    assert secrecy.hide("read /hidden/a.csv") == "read ${env:WHERE}/a.csv"
    assert secrecy.reveal("read ${env:WHERE}/a.csv and ${env:OTHER}") == "read ${env:WHERE}/a.csv and ${env:OTHER}"
    secrecy.remember({"/hidden": "${env:WHERE}"})
    assert secrecy.reveal(secrecy.hide("/hidden/b.csv")) == "/hidden/b.csv"


@pytest.mark.parametrize(
    "name",
    ["MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AWS_SECRET_ACCESS_KEY", "DB_PASS", "GITHUB_PAT", "HF_TOKEN",
     "OPENAI_API_KEY", "AZURE_STORAGE_ACCESS_KEY", "db_password", "SSH_PASSPHRASE", "PG_DSN"],
)  # fmt: skip
def test_variables_whose_names_say_so_are_secret(name, monkeypatch):
    monkeypatch.setenv(name, "kq7Vv92xx")
    assert secrecy.hide("login with kq7Vv92xx failed") == f"login with ${{env:{name}}} failed"


@pytest.mark.parametrize("name", ["PWD", "PATH", "MLFLOW_TRACKING_URI", "PASSAGE", "COMPASS_HOME"])
def test_other_variables_are_not(name, monkeypatch):
    monkeypatch.setenv(name, "/some/where/else")
    assert secrecy.hide("cd /some/where/else") == "cd /some/where/else"


def test_the_password_of_a_variables_address_is_secret_alone_too(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:kq7%2DVv92@proxy:3128")
    assert secrecy.hide("407 for kq7-Vv92, kq7%2DVv92") == "407 for ***, ***"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("at postgresql://me:kq7Vv@host/db", "at postgresql://me:***@host/db"),
        ("redis://:kq/7?V#v@9@host:1/0", "redis://:***@host:1/0"),
        ("http://a:kq7@h,http://b:Vv92@h", "http://a:***@h,http://b:***@h"),
        ("http://127.0.0.1:5000/users/a@b", "http://127.0.0.1:5000/users/a@b"),
        ("https://ghp_kq7:x-oauth@github.com/a", "https://ghp_kq7:***@github.com/a"),
        ("https://me:***@host and https://me:${env:PW}@host", "https://me:***@host and https://me:${env:PW}@host"),
        ("GET /x?a=1&access_token=kq7Vv92&b=2", "GET /x?a=1&access_token=***&b=2"),
        ("?X-Amz-Signature=abc0", "?X-Amz-Signature=***"),
        ("Authorization: Bearer kq7Vv92.abc-_", "Authorization: Bearer ***"),
        ("Authorization: Basic bWU6a3E3VnY5Mg==", "Authorization: Basic ***"),
        ("{'Authorization': 'token ghp_x'}", "{'Authorization': 'token ***'}"),
        ("bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "bearer ***"),
        ("a basic explanation of the bearer certificates", "a basic explanation of the bearer certificates"),
        ("-----BEGIN RSA PRIVATE KEY-----\nkq7\n-----END RSA PRIVATE KEY-----\n", "-----PRIVATE KEY ***-----\n"),
        ("a basic recipe at sqlite:////tmp/a:b.db with lr=0.1", "a basic recipe at sqlite:////tmp/a:b.db with lr=0.1"),
    ],
)
def test_what_looks_like_a_password_is_hidden_whoever_wrote_it(text, hidden):
    assert secrecy.hide(text) == hidden


def test_a_document_and_a_stream_lose_their_secrets():
    secrecy.remember({"kq7Vv92": "***"})
    assert secrecy.hide_in({"a": ["kq7Vv92", 1, None], "kq7Vv92": ("x",)}) == {"a": ["***", 1, None], "***": ["x"]}
    stream = secrecy.Hiding(sink := io.StringIO())
    print("with kq7Vv92", file=stream)
    stream.writelines(["kq7Vv92\n"])
    assert sink.getvalue() == "with ***\n***\n"
    assert not stream.isatty()


def test_what_can_not_be_put_back_is_known():
    assert secrecy.incomplete("uri: http://me:***@host")
    assert secrecy.incomplete("password: '**********'")
    assert not secrecy.incomplete("uri: http://me:${env:PW}@host")
