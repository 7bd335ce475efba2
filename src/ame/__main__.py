"""`python -m ame` is the command `ame`."""

from ame.cli import main

main()
