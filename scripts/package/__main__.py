"""``python -m pynascent``: the command ``pynascent``."""

from pynascent.scripts.cli.app import main

if __name__ == "__main__":
    main()
