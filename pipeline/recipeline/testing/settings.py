"""What every plugin promises: a name, documentation, and settings that survive."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from recipeline.families.plugin import Plugin
from recipeline.testing.lines import check_example
from recipeline.testing.promises import holds, promised


def check_settings(plugin: type[Plugin] | Plugin, settings: Mapping[str, Any] | None) -> Plugin:
    """Check what all plugins promise and return the plugin with its settings."""
    cls = plugin if isinstance(plugin, type) else type(plugin)
    holds(issubclass(cls, Plugin), cls, "is a class of one of the families")
    holds(bool(cls.family), cls, "belongs to a family: class X(Loss, ...)")
    holds(
        re.fullmatch(r"[a-z][a-z0-9_]*", cls.plugin_name) is not None,
        cls,
        'has a name of small letters, digits and underscores: class X(Loss, name="x")',
        repr(cls.plugin_name),
    )
    # The summary that users see must be the plugin's own: inspect.getdoc would hand down the family's.
    holds(bool((cls.__doc__ or "").strip()), cls, "has a docstring, whose first line is its summary")
    said = cls.setting_docs()
    bare = [name for name in cls.model_fields if not said.get(name, "").strip()]
    holds(not bare, cls, "documents every setting with a string beneath it", ", ".join(bare))
    holds("type" not in cls.model_fields, cls, "has no setting named `type`, which is the plugin's name in a recipe")
    for key, wanted in (("extra", "forbid"), ("frozen", True), ("strict", True)):
        holds(cls.model_config.get(key) == wanted, cls, f"keeps the family's strictness: {key}={wanted!r}")
    for declared in (*cls.requires, *cls.conflicts):
        holds(
            declared == "validation"
            or declared.count(".") == 1
            or (declared in cls.conflicts and declared.count(".") == 2),
            cls,
            "declares what it requires and conflicts with as `family.name` or `validation`",
            repr(declared),
        )

    packages: Any = cls.packages
    holds(
        isinstance(packages, frozenset) and all(isinstance(name, str) for name in packages),
        cls,
        'names the packages that it needs where the model serves as frozenset({"tokenizers"})',
        repr(packages),
    )
    absent = [name for name in sorted(packages) if not _is_installed(name)]
    holds(not absent, cls, "names packages as pip does, which are installed", ", ".join(absent))

    odd = [name for name in cls.goes_badly_with if name.count(".") != 1]
    holds(not odd, cls, "names what it goes badly with as `family.name` or `training.setting`", ", ".join(odd))

    if isinstance(plugin, Plugin):
        made: Plugin = plugin
    else:
        given = dict(settings or {})
        missing = [name for name, field in cls.model_fields.items() if field.is_required() and name not in given]
        holds(not missing, cls, "builds from its defaults (or give `settings=`)", f"no value for {', '.join(missing)}")
        with promised(cls, "builds from the given settings" if given else "builds from its default settings"):
            made = cls.model_validate(given)
    check_example(cls)
    with promised(cls, "describes its settings as a JSON schema, for editors"):
        json.dumps(cls.model_json_schema())
    with promised(cls, "has settings that survive dump and load"):
        written = json.loads(json.dumps(made.as_recipe(), allow_nan=False))
        again = cls.model_validate({key: value for key, value in written.items() if key != "type"})
    holds(written["type"] == cls.plugin_name, cls, "writes its name as `type`")
    same = again.as_recipe() == made.as_recipe() and all(
        getattr(again, name) == getattr(made, name) for name in cls.model_fields
    )
    holds(same, cls, "has settings that survive dump and load", f"{made!r} became {again!r}")
    return made


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
