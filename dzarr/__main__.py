"""``python -m dzarr``: the same as the command ``dzarr``.

Knows: nothing but the command line. The guard matters: worker processes import this module again.
"""

from __future__ import annotations

import sys

from dzarr.cli import main

if __name__ == "__main__":
    sys.exit(main())
