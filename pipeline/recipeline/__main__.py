"""`python -m recipeline`: the command line without its script."""

import sys

from recipeline.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
