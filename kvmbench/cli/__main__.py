"""python3 -m kvmbench.cli: the command line without the set-up before it."""

from kvmbench.cli import main

main()
