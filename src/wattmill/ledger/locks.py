"""Locks on files say who may write. The kernel takes them back when their process ends, however it ends."""

import fcntl
import os
from pathlib import Path

from wattmill.core.errors import LedgerBusy

LOCK = "ledger.lock"
"""In a data folder: whoever holds it may write the books."""
BUSY = "another process writes the books"
BUSY_HINT = "a factory is running there, or a command is at work: stop it or try again"


def take_lock(path: Path, what: str, *, hint: str) -> int:
    """Lock a file, which is made if need be; returns the descriptor that holds the lock.

    ``LedgerBusy`` when another process holds it; ``what`` says which that may be.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise LedgerBusy(f"{what} in {path.parent}", hint=hint) from None
    return descriptor
