"""The commands, one a file; `main` is the door and the only place that turns an exception into an exit code."""
