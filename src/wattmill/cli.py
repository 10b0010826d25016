"""The command line as one app, and ``python -m wattmill.cli``; ``wattmill`` itself begins in `wattmill.start`.

The commands are in ``wattmill.commands``, by subject. Nothing heavy is imported before one runs, so that
``wattmill --help`` answers at once.
"""

from wattmill.commands.table import NAMES, app_of
from wattmill.start import main

app = app_of(NAMES)

if __name__ == "__main__":
    main()
