"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
import dzarr.demo
from dzarr.cli import main

ROOT = Path(dzarr.__file__).parents[1]


@pytest.fixture
def url(tmp_path: Path) -> str:
    group = dzarr.create_group(tmp_path / "g.zarr", attributes={"title": "test"})
    group.create_array("deep/a", shape=(4, 6), dtype="u1", chunks=(2, 3))[:2] = 1
    return str(tmp_path / "g.zarr")


def python(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    start = f"import sys, runpy; sys.path.insert(0, {str(ROOT)!r}); sys.argv[0] = 'dzarr'; runpy.run_module('dzarr', "
    code = start + "run_name='__main__', alter_sys=True)"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=folder, check=False
    )


def test_tree(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tree", url]) == 0
    assert capsys.readouterr().out.splitlines() == ["/", "└── deep", "    └── a (4, 6) uint8, 24 B"]
    assert main(["tree", url, "--depth", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == ["/", "└── deep"]
    assert main(["tree", url, "--path", "deep"]) == 0
    assert capsys.readouterr().out.splitlines() == ["deep", "└── a (4, 6) uint8, 24 B"]


def test_info_of_an_array_tells_what_is_stored(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", url, "--path", "deep/a"]) == 0
    text = capsys.readouterr().out
    assert "2 of 4" in text
    assert "uint8" in text
    assert main(["info", f"{url}/deep/a"]) == 0
    assert "2 of 4" in capsys.readouterr().out


def test_info_of_a_group(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", url]) == 0
    assert "1 group, 1 attribute" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["info", "tree"])
def test_what_is_not_there_is_told_on_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path / "nothing")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("dzarr: no array or group here")
    assert len(err.splitlines()) == 1


def test_other_errors_are_told_the_same_way(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "zarr.json").write_text("{")
    for arguments in (["tree", url, "--path", "deep/a"], ["info", "ftp://a/b"], ["info", str(tmp_path / "broken")]):
        assert main(arguments) == 1
        assert capsys.readouterr().err.startswith("dzarr: ")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["info"],
        ["paint", "x"],
        ["tree", "x", "--depth", "many"],
        ["demo", "--bytes", "huge"],
        ["demo", "--bytes", "0"],
        ["demo", "--workers", "0"],
        ["check"],
        ["check", "x", "--deep", "--fast"],
        ["check", "x", "--missing", "perhaps"],
        ["check", "x", "--threads", "0"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_are_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: dzarr" in capsys.readouterr().err


def test_check_of_what_is_whole(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", url]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].endswith("g.zarr")
    assert "1 array, 2 groups, 2 objects, 2 chunks decoded" in out
    assert "2 of 4 objects are not there" in out
    assert out.splitlines()[-1] == "0 errors, 0 warnings, 1 note"
    assert err == ""  # no progress where nobody looks
    assert main(["check", url, "--fast", "--path", "deep"]) == 0
    assert "chunks not decoded" in capsys.readouterr().out


def test_check_of_what_is_damaged_is_code_1(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    (Path(url) / "deep/a/c/0/1").write_bytes(b"broken")
    (Path(url) / "deep/notes").touch()
    assert main(["check", url]) == 1
    out = capsys.readouterr().out
    assert "error    object-corrupt: c/0/1 chunk (0, 1)" in out
    assert out.splitlines()[-1] == "1 error, 1 warning, 1 note"
    assert main(["check", url, "--fast"]) == 0  # without decoding it can't be seen


def test_check_in_json(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", url, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == 1
    assert report["looked_at"]["objects"] == 2
    assert [finding["code"] for finding in report["findings"]] == ["objects-missing"]
    assert main(["check", url, "--json", "--missing", "error", "--threads", "1"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert sorted(finding["key"] for finding in report["findings"]) == ["deep/a/c/1/0", "deep/a/c/1/1"]


def test_check_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "nothing")]) == 1
    assert capsys.readouterr().err.startswith("dzarr: no array or group here")


def test_check_shows_progress_on_a_terminal(url: str, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["check", url]) == 0
    out, err = capsys.readouterr()
    assert " findings" in err
    assert err.endswith("\r\x1b[K")  # the line is gone at the end
    assert "\x1b" not in out


def test_check_can_be_interrupted(tmp_path: Path) -> None:
    """A real Ctrl-C, amid the work of several threads: code 130, no traceback, nothing hangs."""
    array = dzarr.create(tmp_path / "a", shape=(64, 1 << 20), dtype="u1", chunks=(1, 1 << 16), shards=(1, 1 << 20))
    array[...] = np.random.default_rng(0).integers(1, 9, array.shape, np.uint8)
    start = f"""
import sys, time; sys.path.insert(0, {str(ROOT)!r})
import dzarr.check.run
real = dzarr.check.run.check_object
def slow(*arguments, **keywords):
    print('looking', flush=True); time.sleep(0.2); real(*arguments, **keywords)
dzarr.check.run.check_object = slow
from dzarr.cli import main
sys.exit(main(['check', 'a']))
"""
    with subprocess.Popen(
        [sys.executable, "-c", start], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("looking")
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "dzarr: interrupted\n"
        assert process.wait() == 130


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([option])
    assert stop.value.code == 0
    assert "dzarr" in capsys.readouterr().out


@pytest.mark.parametrize(("equal", "code"), [(True, 0), (False, 1)])
def test_demo_passes_its_arguments_and_fails_where_bytes_differ(
    monkeypatch: pytest.MonkeyPatch, equal: bool, code: int
) -> None:
    given: list[object] = []

    def run(out: str, *, nbytes: int, workers: int | None) -> object:
        given.extend([out, nbytes, workers])
        return types.SimpleNamespace(equal=equal)

    monkeypatch.setattr(dzarr.demo, "run", types.SimpleNamespace(run=run), raising=False)
    assert main(["demo", "--out", "here", "--bytes", "20MB", "--workers", "3"]) == code
    assert main(["demo"]) == code
    assert given == ["here", 20_000_000, 3, "dzarr-demo", 10**9, None]


def test_interruption_is_code_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def run(out: str, **options: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(dzarr.demo, "run", types.SimpleNamespace(run=run), raising=False)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "dzarr: interrupted\n"


def test_python_dash_m(url: str, tmp_path: Path) -> None:
    done = python("tree", url, folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "a (4, 6) uint8" in done.stdout
    done = python("info", "nowhere", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("dzarr: no array or group here")
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_is_no_error(url: str, tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from dzarr.cli import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", code, "tree", url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 0
