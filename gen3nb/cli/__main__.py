"""``python -m gen3nb.cli``: the same as the command ``gen3nb``."""

import sys

from gen3nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
