"""What a preprocessing step promises: a state that is all it knows, and rows that don't see each other."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from recipeline.errors import RecipelineError
from recipeline.families.preprocessing import Preprocessing, RowFilter, TargetTokens, TargetTransform
from recipeline.families.spec import ROLES
from recipeline.testing.promises import broken, holds, promised
from recipeline.testing.tables import close, equal

if TYPE_CHECKING:
    import polars as pl


def check_preprocessing(step: Preprocessing, frame: pl.DataFrame | None) -> None:
    """Check a step on a table, half of whose rows it is fitted on."""
    import polars as pl

    holds(step.new_role is None or step.new_role in ROLES, step, "declares a `new_role` that is a role")
    table = frame if frame is not None else _table_for(step)
    train, others = table.head(table.height // 2), table.tail(table.height - table.height // 2)
    with promised(step, "fits the train rows"):
        state = step.fit(train.lazy())
    with promised(step, "learns a state that is JSON-able"):
        text = json.dumps(state, allow_nan=False, sort_keys=True)
    holds(json.loads(text) == state, step, "learns a state that JSON gives back unchanged", text[:200])

    def transform(rows: pl.DataFrame) -> pl.DataFrame:
        # A fresh instance and a state out of JSON: what serving has. What isn't in the state is lost.
        fresh = type(step).model_validate({k: v for k, v in step.as_recipe().items() if k != "type"})
        lazy = fresh.transform(rows.lazy(), json.loads(text))
        holds(isinstance(lazy, pl.LazyFrame), step, "transforms a lazy frame to a lazy frame")
        return lazy.collect()

    with promised(step, "transforms the train rows from the state alone"):
        made = transform(train)
    holds(made.height == train.height, step, "keeps the number of rows", f"{train.height} became {made.height}")
    own = step.transform(train.lazy(), state).collect()
    holds(equal(own, made), step, "keeps all that it has learnt in the state, and nothing in itself")
    holds(json.dumps(state, sort_keys=True) == text, step, "leaves the state as it is while transforming")
    try:
        transform(others)
    except RecipelineError:
        unseen = False  # rows that were not there at fitting may be refused, in words
    except Exception as error:
        raise broken(step, "transforms rows it has not seen, or refuses them in words", error) from error
    else:
        unseen = True
    with promised(step, "fits the same rows again"):
        again = step.fit(train.lazy())
    holds(
        json.dumps(again, sort_keys=True) == text,
        step,
        "learns the same from the same train rows, whatever came between",
    )

    rows = table if unseen else train
    whole = transform(rows)
    one_by_one = pl.concat([transform(rows.slice(i, 1)) for i in range(rows.height)])
    holds(close(whole, one_by_one), step, "transforms row by row: one row alone gives what it gives among others")
    holds(equal(_reversed(transform(_reversed(rows))), whole), step, "keeps the order of the rows")
    for name, codes in step.cardinalities(state).items():
        holds(name in made.columns, step, "gives cardinalities of columns that it returns", name)
        found = whole[name].explode() if whole[name].dtype.is_nested() else whole[name]  # tokens come in lists
        inside = found.is_not_null() & (found >= 0) & (found < codes)
        holds(bool(inside.all()), step, f"codes '{name}' from 0 to {codes - 1}, unseen values too")
    if isinstance(step, RowFilter):
        kept = table.select(keep=step.keep(table.columns))["keep"]
        holds(kept.dtype == pl.Boolean and kept.null_count() == 0, step, "keeps or leaves out: true or false a row")
    if isinstance(step, TargetTokens):
        _check_tokens(step, json.loads(text), whole)
    if isinstance(step, TargetTransform):
        import torch

        values = torch.tensor(made.to_numpy(), dtype=torch.float64)
        back = step.inverse(values, json.loads(text))
        original = torch.tensor(train.to_numpy(), dtype=torch.float64)
        holds(back.shape == original.shape, step, "undoes itself in the same shape (batch, targets)")
        holds(torch.allclose(back, original, rtol=1e-6, atol=1e-6), step, "undoes itself: inverse(transform(y)) = y")


def _check_tokens(step: TargetTokens, state: Any, made: pl.DataFrame) -> None:
    import polars as pl

    tokens = list(step.tokens(state))
    holds(
        bool(tokens) and len(set(tokens)) == len(tokens) and all(isinstance(token, str) for token in tokens),
        step,
        "has `tokens`, each of them once",
        str(tokens[:5]),
    )
    holds(isinstance(step.separator(state), str), step, "has a `separator` that is text")
    lists = made.to_series()
    holds(lists.dtype == pl.List(pl.Int64), step, "makes lists of whole numbers of a target", str(lists.dtype))
    flat = lists.explode().drop_nulls()
    holds(bool(flat.is_between(0, len(tokens) - 1).all()), step, "numbers tokens by their places in `tokens`")


def _reversed(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows from last to first; polars' own `reverse` doesn't know arrays of arrays."""
    return rows[list(range(rows.height - 1, -1, -1))]


def _table_for(step: Preprocessing) -> pl.DataFrame:
    """The columns that the step's `columns` choose from a table with some of every role."""
    import polars as pl

    rows = 40
    photos = [[[(i * 31 + y * 7 + x * 50) % 256 for x in range(5)] for y in range(6)] for i in range(rows)]
    roles: dict[str, dict[str, Any]] = {
        "numeric": {
            "height": [round(math.sin(i) * 30 + 170, 2) for i in range(rows)],
            "children": [i * 7 % 5 for i in range(rows)],
        },
        "categorical": {
            "city": [("Oslo", "Rome", "Lima", "Bern")[i * 5 % 4] for i in range(rows)],
            "size": [("S", "M", "L")[i * 7 % 3] for i in range(rows)],
        },
        "boolean": {"member": [i % 3 == 0 for i in range(rows)]},
        "datetime": {"since": [datetime(2019, 12, 30) + timedelta(hours=i * 29) for i in range(rows)]},
        "series": {"pulse": [[math.sin(i + t) * 9 + 70 for t in range(3 + i % 4)] for i in range(rows)]},
        "image": {"photo": pl.Series(photos, dtype=pl.Array(pl.UInt8, (6, 5)))},
        "text": {"note": [f"  Note {i % 7},  in words " for i in range(rows)]},
    }
    if isinstance(step, TargetTransform):
        return pl.DataFrame({"price": roles["numeric"]["height"]})
    if isinstance(step, TargetTokens):
        return pl.DataFrame({"sound": [("HH AH", "L OW W", "AH")[i * 7 % 3] + f" {i % 11}" for i in range(rows)]})
    wanted = [step.columns] if isinstance(step.columns, str) else step.columns
    plain = {
        role: columns for role, columns in roles.items() if role not in ("series", "image")
    }  # `all` that a table has
    everything = {name: values for columns in plain.values() for name, values in columns.items()}
    chosen: dict[str, Any] = {}
    for word in wanted:
        found = everything if word == "all" else roles.get(word, {word: everything.get(word, [])})
        chosen |= {name: values for name, values in found.items() if len(values)}
    holds(bool(chosen), step, "finds its columns in a made-up table (or give `frame=`)", repr(step.columns))
    return pl.DataFrame(chosen)
