"""`recipeline ui`: the MLflow UI, for this machine alone."""

from __future__ import annotations

import click

from recipeline.cli.output import echo, note
from recipeline.errors import EnvironmentFault, Problem


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address; others are refused.")
def command(port: int, host: str) -> int:
    """Open the MLflow UI on this machine: runs side by side, curves, figures, models."""
    from recipeline.tracking import ui
    from recipeline.tracking.store import shown, tracking_uri

    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        echo(shown(uri))
        note("The runs are on a server, which has its own UI.")
        return 0
    arguments = ui.command(uri, host, port)
    echo(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    note(f"Store: {shown(uri)}. Ctrl-C ends it.")
    code = ui.serve(arguments)
    if code:
        raise EnvironmentFault(Problem(f"the MLflow server ended with exit code {code}; its words stand above"))
    return 0
