"""`python -m nuts_pzp`: the command line."""

from .cli import main

main()
