"""Let MLflow's server read CSV requests for a model whose columns take cells of any type: as the text that was sent.

The server reads CSV with one pandas type a column, taken from the signature, and refuses where the signature says
`any`. Text is what our own conversion takes from a CSV file, and only as text do `007` and the Namibian `NA` survive.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SERVER = "mlflow.pyfunc.scoring_server"
_OURS = "reads_any_as_text"


def accept_csv() -> None:
    """Make the server of this process, if it is one, read such requests. What it could read before stays as it was."""
    server = sys.modules.get(SERVER)
    before = getattr(server, "parse_csv_input", None)
    if server is None or before is None or getattr(before, _OURS, False):
        return
    parse = _parser(before)
    setattr(parse, _OURS, True)
    server.parse_csv_input = parse  # type: ignore[attr-defined]  # the one place that MLflow leaves for it


def _parser(before: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    def parse_csv_input(csv_input: str | IO[str], schema: Any = None) -> pd.DataFrame:
        from mlflow.exceptions import MlflowException
        from mlflow.types.schema import AnyType

        if schema is None or not all(isinstance(each, AnyType) for each in schema.input_types()):
            return before(csv_input, schema)
        import pandas as pd

        try:
            return pd.read_csv(csv_input, dtype=str, keep_default_na=False)
        except (ValueError, OSError) as error:
            raise MlflowException.invalid_parameter_value(f"the request is no CSV: {error}") from error

    return parse_csv_input
