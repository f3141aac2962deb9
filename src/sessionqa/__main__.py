"""`python -m sessionqa` is the command `sessionqa`."""

import sys

from sessionqa.cli import main

sys.exit(main())
