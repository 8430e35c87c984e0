"""`python -m kangyun.cli` is `kangyun`."""

from kangyun.cli.main import main

main()
