"""`python -m privateshare`: the command line."""

from privateshare.cli import main

main()
