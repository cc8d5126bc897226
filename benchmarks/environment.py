"""The interpreter that the benchmarks run in, with the rivals at their newest.

Knows: where Python interpreters hide, and what has to be installed. Must not know: what is measured.

The newest zarr-python needs Python 3.12. Candidates are *run*, not only looked up, because a pyenv shim on the PATH
exists for versions that it refuses to start. Where none is new enough the interpreter at hand is used, and the line
that is printed says which versions are measured::

    python benchmarks/environment.py            # makes .venv-bench, prints its interpreter
    python benchmarks/environment.py --upgrade  # asks for newer rivals too
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".venv-bench"
NEEDED = (3, 12)
RIVALS = ("zarr", "tensorstore", "zarrs", "dask", "distributed", "numpy", "numcodecs", "psutil")


def candidates() -> Iterator[str]:
    """Interpreters worth trying: the PATH first, then pyenv's, then the system's."""
    for minor in (14, 13, 12):
        yield f"python3.{minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from sorted(map(str, pyenv.glob("3.*/bin/python")), reverse=True)
    yield from sorted(map(str, Path("/usr/bin").glob("python3.[0-9]*[0-9]")), reverse=True)


def version_of(interpreter: str) -> tuple[int, int] | None:
    """(major, minor) of an interpreter that starts and can make environments, else None."""
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    try:
        answer = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor = answer.stdout.split()
    return int(major), int(minor)


def find_interpreter() -> str:
    """The first interpreter that is new enough, else the one that runs this."""
    for interpreter in candidates():
        version = version_of(interpreter)
        if version is not None and version >= NEEDED:
            return interpreter
    return sys.executable


def prepare(*, upgrade: bool = False) -> Path:
    """Make or refresh ``.venv-bench``; returns its interpreter.

    Raises
    ------
    subprocess.CalledProcessError
        The environment could not be made or filled; what pip said stands above it.
    """
    python = FOLDER / "bin" / "python"
    stamp = FOLDER / ".installed"
    digest = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not python.exists():
        subprocess.run([find_interpreter(), "-m", "venv", str(FOLDER)], check=True)
    if upgrade or not stamp.exists() or stamp.read_text() != digest:
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--upgrade"]
        subprocess.run([*pip, *RIVALS, "--editable", f"{ROOT}[bench]"], check=True, stdout=sys.stderr)
        stamp.write_text(digest)
    version = version_of(str(python))
    if version is None or version < NEEDED:
        print(f"no Python >= 3.12 was found: the rivals are the newest that {python} can run", file=sys.stderr)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="install newer rivals where there are any")
    print(prepare(upgrade=parser.parse_args().upgrade))


if __name__ == "__main__":
    main()
