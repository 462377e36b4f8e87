"""``python -m hwlib``: the command line of ``hwlib.cli``."""

from hwlib.cli import main

main(prog_name="python -m hwlib")
