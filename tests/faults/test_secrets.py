"""Thirty secrets, planted where people have them: no byte of any is found in what a run leaves behind.

Real runs in an interpreter of their own, one that ends well and others that fail in every way that quotes a secret.
Then every file of the store, the artifacts, the journal, the checkpoints, the cache and all that was printed is
searched for each secret, as it is and in the ways in which addresses, JSON and base64 write it.
"""

import base64
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from urllib.parse import quote

import pytest

SECRETS = {f"s{number:02d}": f"Zq{number:02d}-xK7/v+{number * 7919:06d}" for number in range(30)}
"""By their names in the recipe below."""
S = SECRETS

PLUGIN = '''
import logging
import sys
import warnings

from pydantic import SecretStr

from recipeline import Regularization, Source, hookimpl


class Vault(Source, name="vault"):
    """Rows that are behind a password."""

    dsn: SecretStr
    """Where the rows are."""
    password: SecretStr
    """The password."""
    address: str = ""
    """An address with a password in it."""
    token: str = ""
    """A token, from the environment."""
    fail: str = ""
    """When to fail, with all that is known."""

    def _all(self):
        return " ".join([self.dsn.get_secret_value(), self.password.get_secret_value(), self.address, self.token])

    def scan(self):
        import polars as pl

        print("connecting with", self._all(), file=sys.stderr)
        logging.getLogger("vault").warning("connecting with %s", self._all())
        warnings.warn(f"slow: {self._all()}", stacklevel=1)
        if self.fail == "scan":
            raise RuntimeError(f"cannot connect: {self._all()}")
        return pl.LazyFrame({"a": [n / 60 for n in range(60)], "b": [n % 2 for n in range(60)]})

    def notes(self):
        return [f"read from {self._all()}"]

    def location(self):
        return f"vault at {self.address}"

    def fingerprint(self):
        return "1"


class Talking(Regularization, name="talking"):
    """Fails in the middle of the training, in its own words."""

    key: SecretStr = SecretStr("")
    """A key."""
    fail: bool = False
    """Whether to fail."""

    def callbacks(self):
        import pytorch_lightning as pl

        key, fail = self.key.get_secret_value(), self.fail

        class Talk(pl.Callback):
            def on_train_epoch_end(self, trainer, module):
                print("with", key, file=sys.stderr)
                if fail:
                    raise ValueError(f"refused: {key}")

        return [Talk()]


@hookimpl
def recipeline_plugins():
    return [Vault, Talking]
'''

RECIPE = f"""
name: vault
description: "kept behind https://me:{S["s00"]}@vault.example/x"
data:
  source:
    type: vault
    dsn: "postgresql://me:{S["s01"]}@db.example/x"
    password: ${{env:VAULT_VALUE}}
    address: "https://you:{S["s02"]}@host.example/rows?access_token={S["s03"]}"
    token: ${{env:PLAIN_NAME}}
  target: b
architecture: linear
regularization: [{{type: talking, key: "{S["s04"]}"}}]
training: {{epochs: 1, accelerator: cpu, batch_size: 16}}
tracking:
  tags: {{team: "see https://them:{S["s05"]}@wiki.example", who: "${{env:WHO_IS_IT}}"}}
reports: []
"""

ENVIRONMENT = {
    "VAULT_VALUE": S["s06"],
    "PLAIN_NAME": S["s07"],
    "WHO_IS_IT": S["s08"],
    "MLFLOW_TRACKING_PASSWORD": S["s09"],
    "MLFLOW_TRACKING_TOKEN": S["s10"],
    "AWS_SECRET_ACCESS_KEY": S["s11"],
    "AWS_SESSION_TOKEN": S["s12"],
    "HF_TOKEN": S["s13"],
    "DB_PASS": S["s14"],
    "HTTPS_PROXY": f"http://me:{quote(S['s15'], safe='')}@127.0.0.1:9",
    "NO_PROXY": "127.0.0.1,localhost",
    "OPENAI_API_KEY": S["s16"],
    "SSH_PASSPHRASE": S["s17"],
}
COMMAND = [f"data.source.password={S['s18']}", f"data.source.address=https://z:{S['s19']}@h.example/r?sig={S['s20']}"]
PATCH = f'''
URL = "https://me:{S["s21"]}@host.example/"
MLFLOW = "{S["s09"]}"
HEADERS = {{"Authorization": "Bearer {S["s22"]}"}}
KEY = """-----BEGIN PRIVATE KEY-----
{S["s23"]}
-----END PRIVATE KEY-----"""
'''
REMOTE = f"https://oauth2:{S['s24']}@git.example/me/it.git"
NETRC = f"machine vault.example login me password {S['s25']}\n"


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """What several runs have left behind: a folder of their own, and all that they have printed."""
    place = tmp_path_factory.mktemp("secrets")
    home, site = place / "home", place / "site"
    (site / "vault").mkdir(parents=True)
    (site / "vault" / "__init__.py").write_text(PLUGIN)
    (site / "vault-1.0.dist-info").mkdir()
    (site / "vault-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: vault\nVersion: 1.0\n")
    (site / "vault-1.0.dist-info" / "entry_points.txt").write_text("[recipeline]\nvault = vault\n")
    work = place / "work"
    work.mkdir()
    home.mkdir()
    (home / ".netrc").write_text(NETRC)
    (home / ".netrc").chmod(0o600)
    recipes = place / "recipes"  # what somebody has written himself is not what a run leaves
    recipes.mkdir()
    (recipes / "r.yaml").write_text(RECIPE)
    repository = [["init", "-q"], ["config", "user.email", "a@b.c"], ["config", "user.name", "me"],
                  ["remote", "add", "origin", REMOTE], ["add", "."], ["commit", "-qm", "one"]]  # fmt: skip
    source = place / "code"
    source.mkdir()
    (source / "settings.py").write_text("URL = None\n")
    for arguments in repository:
        subprocess.run(["git", *arguments], cwd=source, check=True)
    (source / "settings.py").write_text(PATCH)
    paths = [str(site), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        **ENVIRONMENT,
        "HOME": str(home),
        "RECIPELINE_HOME": str(work / ".recipeline"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{work / 'mlflow.db'}",
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        "OMP_NUM_THREADS": "1",
    }
    said = []

    def call(*arguments, expected, **more):
        done = subprocess.run(
            [Path(sys.executable).with_name("recipeline"), *arguments],
            cwd=source, env={**environment, **more}, capture_output=True, timeout=240,
        )  # fmt: skip
        said.append(done.stdout + done.stderr)
        assert done.returncode in expected, said[-1].decode()

    recipe = str(recipes / "r.yaml")
    call("run", recipe, *COMMAND, expected={0})
    call("plan", recipe, *COMMAND, "--json", expected={0})
    call("run", recipe, *COMMAND, "data.source.fail=scan", expected={1}, RECIPELINE_DEBUG="1")
    call("run", recipe, *COMMAND, "regularization.0.fail=true", "--json", expected={1})
    wrong = [f"data.source.dsn={{a: {S['s26']}}}", f"tracking.uri=http://me:{S['s27']}@127.0.0.1:9", "seed=x"]
    call("validate", recipe, expected={0, 2})
    call("run", recipe, *wrong, expected={2})
    away = f"http://me:{S['s28']}@127.0.0.1:9"
    call("run", recipe, f"tracking.uri=http://me:{S['s27']}@127.0.0.1:9", expected={0, 4}, MLFLOW_TRACKING_URI=away)
    call("sync", expected={0, 4, 2}, MLFLOW_TRACKING_URI=away)
    call("compare", "last", "vault", "--json", expected={0, 2})
    call("resume", "last", expected={0, 1, 2, 4})
    call("doctor", expected={0, 1, 4})
    call("predict", "last", f"https://me:{S['s29']}@host.example/rows.csv", expected={2})
    (place / "said.txt").write_bytes(b"\n".join(said))
    return work, b"\n".join(said)


def forms(secret):
    """The ways in which a secret is written."""
    plain = secret.encode()
    yield plain
    yield quote(secret, safe="").encode()
    yield json.dumps(secret).encode()[1:-1]
    for pad in range(3):  # base64 of it wherever it stands in a longer text
        coded = base64.b64encode(bytes(pad) + plain)
        yield coded[4:-4]


def contents(name, content):
    """A file's bytes, and what is packed in it."""
    yield name, content
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for each in archive.namelist():
                yield from contents(f"{name}/{each}", archive.read(each))
    if content[:2] == b"\x1f\x8b":
        yield f"{name}/", zlib.decompress(content, 31)
    if content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for each in archive:
                if each.isfile():
                    yield from contents(f"{name}/{each.name}", archive.extractfile(each).read())


@pytest.mark.faults
def test_no_secret_is_found_in_what_runs_leave_behind(left):
    work, said = left
    files = [path for path in sorted(work.rglob("*")) if path.is_file()]
    names = {path.name for path in files}
    assert {"mlflow.db", "journal.jsonl", "resume.json", "MLmodel", "written.yaml", "git.patch", "model.json"} <= names
    assert any(path.suffix == ".ckpt" for path in files)
    searched = [("what was printed", said)]
    for path in files:
        searched += contents(str(path.relative_to(work)), path.read_bytes())
    found = [
        f"{name} in {where}"
        for where, content in searched
        for name, secret in SECRETS.items()
        if any(form in content for form in forms(secret))
    ]
    assert found == []
