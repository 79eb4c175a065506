"""`python -m privateshare` is `privateshare`."""

from privateshare.cli import main

main()
