"""`python -m magistral_nb`."""

import sys

from magistral_nb.cli import main

sys.exit(main())
