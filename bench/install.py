"""Bring the peers here: each into its own corner of the cache, none into wattmill's environment."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processes import Command, NotAvailable, output_of

INSTALL_LIMIT_S = 1200.0


@dataclass(frozen=True)
class Installed:
    """A gateway that is here: where, which version, and a remark if it is not the one wanted."""

    path: Path
    version: str
    remark: str | None = None


def python_package(cache: Path, package: str, choices: Sequence[str]) -> Installed:
    """A virtual environment with the first of the requirements that the index can give.

    The later choices are stand-ins for a release whose dependencies the index does not have.
    A receipt beside the environment keeps what was tried, so that it is tried only once.
    """
    home = cache / "env" / package
    receipt = home / "receipt.json"
    known = json.loads(receipt.read_text()) if receipt.exists() else {}
    if known.get("choices") != list(choices):
        known = {"choices": list(choices), "remark": _install_first(home, choices)}
        receipt.write_text(json.dumps(known))
    version = version_in(home / "bin" / "python", package)
    return Installed(home / "bin", version, known["remark"])


def _install_first(home: Path, choices: Sequence[str]) -> str | None:
    """Install one; return what is to be said about it if it is not the first."""
    failures: list[str] = []
    quiet = ("-q", "--no-input", "--disable-pip-version-check")
    for requirement in choices:
        shutil.rmtree(home, ignore_errors=True)
        output_of([sys.executable, "-m", "venv", home])
        try:
            output_of([home / "bin" / "pip", "install", *quiet, requirement], INSTALL_LIMIT_S)
        except NotAvailable as failure:
            failures.append(f"{requirement} cannot be installed here ({failure})")
            continue
        instead = f"; measured instead: {requirement}"
        return "; ".join(failures) + instead if failures else None
    shutil.rmtree(home, ignore_errors=True)
    raise NotAvailable("; ".join(failures))


def version_in(python: Path, package: str) -> str:
    """The version of a package in some environment."""
    script = f"import importlib.metadata as m; print(m.version({package!r}))"
    return output_of([python, "-c", script]).strip()


def debian_nginx(cache: Path) -> Installed:
    """The nginx that is installed, or Debian's package unpacked into the cache."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    binary = Path(found) if found else _unpacked_nginx(cache / "nginx")
    told = subprocess.run([binary, "-v"], capture_output=True, text=True).stderr
    return Installed(binary, told.strip().rpartition("/")[2])


def _unpacked_nginx(home: Path) -> Path:
    binary = home / "usr" / "sbin" / "nginx"
    if not binary.exists():
        home.mkdir(parents=True, exist_ok=True)
        _download_nginx(home)
        package = next(home.glob("nginx_*.deb"))
        output_of(["dpkg", "-x", package, home])
    output_of([binary, "-v"])  # raises if a library it needs is missing
    return binary


def _download_nginx(home: Path) -> None:
    download: Command = ["sh", "-c", 'cd "$0" && apt-get download -q nginx', home]
    try:
        output_of(download, INSTALL_LIMIT_S)
    except NotAvailable:
        output_of(["apt-get", "update", "-q"], INSTALL_LIMIT_S)  # a new machine has no lists
        output_of(download, INSTALL_LIMIT_S)
