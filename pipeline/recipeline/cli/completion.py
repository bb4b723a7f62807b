"""Print the script that makes a shell complete commands and options."""

from __future__ import annotations

import click

from recipeline.cli.output import echo


@click.command(short_help="Print the shell script that completes commands.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash: recipeline completion bash > ~/.local/share/bash-completion/completions/recipeline
    zsh:  recipeline completion zsh > ~/.zfunc/_recipeline   (with ~/.zfunc in $fpath)
    fish: recipeline completion fish > ~/.config/fish/completions/recipeline.fish
    """  # noqa: D301 - \b is click's mark for lines that must not be wrapped
    from click.shell_completion import get_completion_class

    from recipeline.cli.main import PROGRAM, cli

    script = get_completion_class(shell)
    assert script is not None
    echo(script(cli, {}, PROGRAM, "_RECIPELINE_COMPLETE").source())
