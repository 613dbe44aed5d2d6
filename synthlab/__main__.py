"""``python -m synthlab``: the same as the command ``synthlab``."""

from synthlab.cli import main

if __name__ == "__main__":
    main()
