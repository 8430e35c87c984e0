"""`python -m kangyun.exchange.gateway`."""

import sys

from kangyun.exchange.gateway.commands import main

sys.exit(main())
