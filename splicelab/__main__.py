"""``python -m splicelab`` is the command line."""

import sys

from splicelab.cli import main

sys.exit(main())
