"""`python -m sslecho` is the `sslecho` program."""

from sslecho.cli import main

main()
