"""The command line: ``dzarr info``, ``dzarr tree``, ``dzarr check``, ``dzarr demo``.

Knows: arguments, where text goes, exit codes. Must not know: how anything is read or drawn; it calls the
public functions and prints what they answer.

    0    done                     1    dzarr says what is wrong, the check found damage, or the demo differing bytes
    2    wrong arguments          130  interrupted
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

import dzarr
import dzarr.check
import dzarr.demo

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands behind the program's name; None takes that of this process.

    Raises
    ------
    SystemExit
        With code 2, for arguments that make no sense, and with 0 after ``--help`` and ``--version``.

    Examples
    --------
    >>> group = dzarr.create_group("example.zarr")
    >>> array = group.create_array("a", shape=(4, 6), dtype="u1", chunks=(2, 3))
    >>> main(["tree", "example.zarr"])
    /
    └── a (4, 6) uint8, 24 B
    0
    """
    given = parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = given.command
    try:
        code = command(given)
        sys.stdout.flush()
    except dzarr.DzarrError as error:
        print(f"dzarr: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("dzarr: interrupted", file=sys.stderr)
        return INTERRUPTED
    return code


def parser() -> argparse.ArgumentParser:
    """Return what understands the arguments."""
    top = argparse.ArgumentParser("dzarr", description="Look at Zarr arrays and groups, and see dzarr at work.")
    top.add_argument("--version", action="version", version=f"dzarr {dzarr.__version__}")
    commands = top.add_subparsers(title="commands", required=True, metavar="command")

    info = _command(commands, "info", "what an array or a group is, and how much of it is stored", _info)
    _place(info)

    tree = _command(commands, "tree", "the hierarchy below a group", _tree)
    _place(tree)
    tree.add_argument("--depth", type=_count, help="levels to show; all by default")

    check = _command(commands, "check", "what is wrong with a hierarchy, its documents and its data", _check)
    _place(check)
    check.add_argument("--json", action="store_true", help="for programs: one JSON object on stdout")
    check.add_argument("--missing", choices=("fill", "error"), default="fill", help="what missing objects are")
    check.add_argument("--threads", type=_positive, help="objects looked at at once; one for each core by default")
    depth = check.add_mutually_exclusive_group()
    depth.add_argument("--deep", action="store_true", default=True, help="decode every chunk; the default")
    depth.add_argument("--fast", dest="deep", action="store_false", help="documents, listings, indexes and sizes only")

    demo = _command(commands, "demo", "real climate, ocean and brain data through the whole library", _demo)
    demo.add_argument("--out", default="dzarr-demo", help="folder for the report, figures and arrays (%(default)s)")
    demo.add_argument("--bytes", type=_size, default=10**9, help="size of the synthetic field (1 GB)")
    demo.add_argument("--workers", type=_positive, help="worker processes; one for each core, 2 to 4, by default")
    return top


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    what: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    made = commands.add_parser(name, help=what, description=f"Show {what}.")
    made.set_defaults(command=run)
    return made


def _place(command: argparse.ArgumentParser) -> None:
    command.add_argument("url", help="a path or a url, as dzarr.open takes it")
    command.add_argument("--path", default="", help="the node within the store")


def _info(given: argparse.Namespace) -> int:
    node = dzarr.open(given.url, path=given.path)
    print(node.info() if isinstance(node, dzarr.Array) else node)
    return 0


def _tree(given: argparse.Namespace) -> int:
    print(dzarr.open_group(given.url, path=given.path).tree(given.depth))
    return 0


def _check(given: argparse.Namespace) -> int:
    watch = _Progress() if sys.stderr.isatty() else None
    options = dzarr.Options(missing=given.missing, threads=given.threads)
    try:
        report = dzarr.check.check(given.url, path=given.path, deep=given.deep, options=options, watch=watch)
    finally:
        if watch is not None:
            watch.clear()
    print(json.dumps(report.as_json(), indent=2) if given.json else report)
    return 1 if report.damaged else 0


class _Progress:
    """One line on a terminal, ten times a second at most, that says how far a check has come."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, tally: dzarr.check.Tally, findings: int) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + 0.1
        words = f"{tally.objects:,} objects, {tally.nbytes / 1e6:,.0f} MB, {findings:,} findings"
        print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _demo(given: argparse.Namespace) -> int:
    outcome = dzarr.demo.run.run(given.out, nbytes=given.bytes, workers=given.workers)
    return 0 if outcome.equal else 1


def _size(text: str) -> int:
    from dask.utils import parse_bytes

    try:
        size = int(parse_bytes(text))
    except ValueError:
        _refuse(f"not a size: {text!r}; write 500000000, 500MB or 1GB")
    return size if size > 0 else _refuse(f"not a size: {text!r}; at least 1 byte")


def _count(text: str) -> int:
    return int(text) if text.isdecimal() else _refuse(f"not a count: {text!r}")


def _positive(text: str) -> int:
    return _count(text) or _refuse(f"at least 1, not {text!r}")


def _refuse(message: str) -> NoReturn:
    raise argparse.ArgumentTypeError(message)
