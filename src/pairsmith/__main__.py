"""`python -m pairsmith`: the program without its script, for where the script is not on the path."""

from __future__ import annotations

from pairsmith.cli import main

if __name__ == "__main__":
    main()
