"""Locks on files say who may write. The kernel takes them back when their process ends, however it ends."""

import fcntl
import os
import time
from pathlib import Path

from wattmill.core.errors import LedgerBusy

LOOK_EVERY_S = 0.05


def take_lock(path: Path, what: str, *, hint: str, wait_s: float = 0.0) -> int:
    """Lock a file, which is made if need be; returns the descriptor that holds the lock.

    ``LedgerBusy`` when another process (``what`` says which) still holds it after ``wait_s``.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() < deadline_s:
                time.sleep(LOOK_EVERY_S)
                continue
            os.close(descriptor)
            raise LedgerBusy(f"{what} in {path.parent}", hint=hint) from None
        return descriptor
