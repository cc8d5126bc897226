"""The environment with the newest zarr-python, which needs a newer Python than dzarr does.

Knows: where interpreters hide (benchmarks/environment.py), and what the strategies need. Must not know: any test.

    python tests/interop/newest.py --make     makes or refreshes .venv-new; `make soak` does
    python tests/interop/newest.py            prints its interpreter, or says on stderr why there is none
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.environment import NEEDED, candidates, version_of  # noqa: E402

FOLDER = ROOT / ".venv-new"
PYTHON = FOLDER / "bin" / "python"
STAMP = FOLDER / ".installed"
PACKAGES = ("zarr>=3.4", "hypothesis", "pytest", "pytest-timeout", "ml_dtypes", "--editable", str(ROOT))


def digest() -> str:
    return hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + repr(PACKAGES[:-1]).encode()).hexdigest()


def interpreter() -> str | None:
    """The first Python that is new enough and starts: a name on the PATH may be a shim that doesn't."""
    for candidate in candidates():
        version = version_of(candidate)
        if version is not None and version >= NEEDED:
            return candidate
    return None


def make() -> str | None:
    """Make or refresh the environment; returns why that couldn't be done, or None."""
    if not PYTHON.exists():
        python = interpreter()
        if python is None:
            return f"no Python of {NEEDED[0]}.{NEEDED[1]} or newer was found on the PATH, in ~/.pyenv or in /usr/bin"
        subprocess.run([python, "-m", "venv", str(FOLDER)], check=True, stdout=sys.stderr)
    if not STAMP.exists() or STAMP.read_text() != digest():
        pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--upgrade"]
        if subprocess.run([*pip, *PACKAGES], check=False, stdout=sys.stderr).returncode:
            return "pip could not install the newest zarr-python; its words stand above"
        STAMP.write_text(digest())
    return None


def absent() -> str | None:
    """Why there is no environment to use, or None where there is one."""
    if PYTHON.exists() and STAMP.exists():
        return None
    python = interpreter()
    if python is None:
        return f"no Python of {NEEDED[0]}.{NEEDED[1]} or newer was found, which the newest zarr-python needs"
    return f"{FOLDER.name} is not there: `make soak` makes it, with {python}"


def main() -> None:
    reason = make() if "--make" in sys.argv[1:] else absent()
    if reason is not None:
        print(reason, file=sys.stderr)
        raise SystemExit(1)
    print(PYTHON)


if __name__ == "__main__":
    main()
