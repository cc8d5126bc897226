"""What only a folder promises: temporaries, kill -9, processes, links, syncing, odd file systems."""

from __future__ import annotations

import errno
import os
import pickle
import signal
import sys
import time
from pathlib import Path

import pytest

from dzarr.errors import ConflictError, ReadOnlyError, StoreError
from dzarr.io import atomic, files, stripes
from dzarr.io.local import LocalStore
from dzarr.io.store import VersionChanged, Want

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, or counts system calls")
posix = pytest.mark.skipif(os.name != "posix", reason="signals, links and permissions as POSIX has them")


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_token_is_the_resolved_path(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert LocalStore(tmp_path / "link").token == f"file://{tmp_path}/real" == LocalStore(f"{tmp_path}/real/").token
    assert {LocalStore("/").token} == {"file:///"}
    assert LocalStore("/").get("no/such/thing/here") is None


def test_temporaries_lie_in_the_array_or_beside(tmp_path, monkeypatch):
    seen = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (seen.append(a), real(a, b)))
    store = LocalStore(tmp_path)
    store.within("g/a").set("g/a/c/0/1", [b"1"])
    store.within("g/a").set("g/zarr.json", [b"1"])
    store.within("").set("c/0", [b"1"])
    store.set("g/a/c/0/0", [b"1"])
    folders = [str(Path(path).parent.relative_to(tmp_path)) for path in dict.fromkeys(seen)]
    assert folders == ["g/a/.dzarr/tmp", "g", ".dzarr/tmp", "g/a/c/0"]
    assert [Path(path).name.startswith(".dz-") for path in dict.fromkeys(seen)] == [False, True, False, True]
    assert f"-{os.getpid()}-" in seen[0]
    assert everything(tmp_path) == ["c/0", "g/a/c/0/0", "g/a/c/0/1", "g/zarr.json"]


def test_no_temporary_is_left_after_any_write(tmp_path):
    store = LocalStore(tmp_path).within("a")
    version = store.set_if("a/x", [b"1"], None)
    store.set_if("a/x", [b"1"], version)
    for stale in (None, version):
        with pytest.raises(ConflictError):
            store.set_if("a/x", [b"1"], stale)
    assert everything(tmp_path) == ["a/x"]


def test_a_full_disk_leaves_the_old_object(tmp_path, monkeypatch):
    store = LocalStore(tmp_path).within("a")
    store.set("a/x", [b"old"])

    def no_space(fd, parts):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "writev", no_space)
    with pytest.raises(StoreError, match="No space left") as caught:
        store.set("a/x", [b"new"])
    assert caught.value.key == "a/x"
    assert Path(tmp_path, "a/x").read_bytes() == b"old"
    assert everything(tmp_path) == ["a/x"]


@pytest.mark.parametrize("step", ["fsync", "close", "utime"])
def test_errors_of_every_step_are_raised(tmp_path, monkeypatch, step):
    store = LocalStore(tmp_path, durability="file").within("a")
    store.set("a/x", [b"old"])
    real = getattr(os, step)

    def fail(*args, **kwargs):
        real(*args, **kwargs)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        patch.setattr(os, "supports_fd", {fail})
        with pytest.raises(StoreError, match="could not write it"):
            store.set("a/x", [b"new"])
    assert everything(tmp_path) == ["a/x"]
    assert Path(tmp_path, "a/x").read_bytes() == b"old"


def test_short_writes_are_completed(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    parts = [bytes([i]) * i for i in range(100)]
    real_writev, real_write = os.writev, os.write
    monkeypatch.setattr(os, "writev", lambda fd, batch: real_writev(fd, batch[:7]))
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[:5]))
    store.set("x", parts)
    assert Path(tmp_path, "x").read_bytes() == b"".join(parts)
    monkeypatch.delattr(os, "writev")
    store.set("y", parts)
    assert Path(tmp_path, "y").read_bytes() == b"".join(parts)


def test_without_preadv(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    store.set("x", [b"0123456789"])
    monkeypatch.delattr(os, "pread")
    ((_, parts),) = store.fetch([Want("x", ((2, 5), (-1, None)))])
    assert parts.buffers == (b"234", b"9")


def test_large_reads(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_HUGE", 1000)
    real = os.preadv
    monkeypatch.setattr(os, "preadv", lambda fd, views, at: real(fd, [views[0][:300]], at))
    store = LocalStore(tmp_path)
    data = os.urandom(5000)
    store.set("x", [data])
    assert bytes(store.get("x")[0]) == data
    ((_, parts),) = store.fetch([Want("x", ((7, 4000), (0, 3)))])
    assert [bytes(buffer) for buffer in parts.buffers] == [data[7:4000], data[:3]]


def test_a_file_cut_short_while_it_is_read(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    store.set("x", [b"0123456789"])
    real = os.fstat

    def cut(fd):
        state = real(fd)
        os.truncate(tmp_path / "x", 4)
        return state

    monkeypatch.setattr(os, "fstat", cut)
    with pytest.raises(StoreError, match="ended early") as caught:
        store.get("x")
    assert (caught.value.key, caught.value.found, caught.value.expected) == ("x", 4, 10)


def test_a_stale_handle_is_opened_again(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    store.set("x", [b"0123456789"])
    real, left = os.pread, [3]

    def stale(*args):
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ESTALE, "Stale file handle")
        return real(*args)

    monkeypatch.setattr(os, "pread", stale)
    assert store.get("x")[0] == b"0123456789"
    left[0] = 99
    with pytest.raises(StoreError, match="Stale"):
        store.get("x")


def test_a_rename_whose_answer_was_lost(tmp_path, monkeypatch):
    store = LocalStore(tmp_path).within("a")
    real = os.replace

    def lost(a, b):
        real(a, b)
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    store.set("a/x", [b"old"])
    monkeypatch.setattr(os, "replace", lost)
    version = store.set("a/x", [b"new"])
    assert store.get("a/x") == (b"new", version)


def test_a_link_whose_answer_was_lost(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    real = os.link

    def lost(a, b):
        real(a, b)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", lost)
    version = store.set_if("x", [b"new"], None)
    assert store.get("x") == (b"new", version)
    assert everything(tmp_path) == ["x"]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_create_only_where_links_are_not_to_be_had(tmp_path, monkeypatch, number):
    def refuse(a, b):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    store = LocalStore(tmp_path).within("a")
    version = store.set_if("a/c/0", [b"1"], None)
    monkeypatch.setattr(LocalStore, "_expect", lambda *args: None)  # so that only the second look can tell
    with pytest.raises(ConflictError):
        store.set_if("a/c/0", [b"2"], None)
    assert store.get("a/c/0") == (b"1", version)
    assert everything(tmp_path) == ["a/c/0"]


@posix
def test_unreadable_is_not_missing(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    store.set("a/x", [b"1"])

    def refuse(path, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match="Permission denied") as caught:
        store.get("a/x")
    assert caught.value.key == "a/x"
    with pytest.raises(StoreError):
        store.set("a/x", [b"1"])
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(StoreError):
        list(store.list(""))


def test_names_that_are_no_files(tmp_path):
    store = LocalStore(tmp_path)
    store.set("a/x", [b"1"])
    with pytest.raises(StoreError) as caught:
        store.set("a/x/below", [b"1"])
    assert caught.value.key == "a/x/below"
    with pytest.raises(StoreError):
        store.set("a", [b"1"])
    store.delete("a")
    with pytest.raises(ConflictError):
        store.set_if("a", [b"1"], None)
    for act in (lambda k: store.set(k, [b"1"]), store.get, store.head):
        with pytest.raises(StoreError):
            act("n" * 300)
        with pytest.raises(StoreError):
            act("a/\ud800")
    assert everything(tmp_path) == ["a/x"]


@posix
def test_a_pipe_is_neither_read_nor_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x")
    with pytest.raises(StoreError, match="neither a file"):
        LocalStore(tmp_path).get("x")


@posix
def test_links_out_of_the_store(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "zarr.json").write_bytes(b"{}")
    (inside / "linked").symlink_to(outside)
    (inside / "file").symlink_to(outside / "zarr.json")
    store = LocalStore(inside)
    assert store.get("linked/zarr.json")[0] == b"{}"
    for act in (
        lambda: store.set("linked/zarr.json", [b"no"]),
        lambda: store.set("linked/deeper/x", [b"no"]),
        lambda: store.set_if("linked/y", [b"no"], None),
        lambda: store.delete("linked/zarr.json"),
        lambda: store.delete_dir("linked/deeper"),
        lambda: store.within("linked").set("linked/zarr.json", [b"no"]),
    ):
        with pytest.raises(StoreError, match="leads out"):
            act()
    store.set("file", [b"replaced"])
    assert everything(outside) == ["zarr.json"]
    assert (outside / "zarr.json").read_bytes() == b"{}"
    store.delete_dir("linked")
    assert everything(outside) == ["zarr.json"]
    assert everything(inside) == ["file"]


@posix
def test_links_that_lead_round(tmp_path):
    store = LocalStore(tmp_path)
    store.set("a/b/x", [b"1"])
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    assert {"a/b/x", "a/b/up/b/x"} == set(store.list(""))


def test_read_only(tmp_path):
    LocalStore(tmp_path).set("x", [b"1"])
    store = pickle.loads(pickle.dumps(LocalStore(tmp_path, read_only=True)))
    assert store.get("x")[0] == b"1"
    assert not store.can.writable
    for act in (
        lambda: store.set("x", [b"2"]),
        lambda: store.set_if("x", [b"2"], None),
        lambda: store.delete("x"),
        lambda: store.delete_dir(""),
        lambda: store.sweep(""),
        lambda: store.within("a").set("a/x", [b"2"]),
    ):
        with pytest.raises(ReadOnlyError):
            act()
    assert store.get("x")[0] == b"1"


def test_no_such_durability(tmp_path):
    with pytest.raises(StoreError, match="durability"):
        LocalStore(tmp_path, durability="some")


@linux
@pytest.mark.parametrize(
    ("durability", "files_synced", "folders"), [("none", 0, False), ("file", 1, False), ("full", 1, True)]
)
def test_what_is_synced(tmp_path, monkeypatch, durability, files_synced, folders):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), real(fd)))
    store = LocalStore(tmp_path / "s", durability=durability).within("a")
    store.set("a/c/0", [b"1"])
    assert sum(Path(path).parent.name == "tmp" for path in synced) == files_synced
    below = {os.path.relpath(path, tmp_path) for path in synced if Path(path).is_dir()}
    assert ({".", "s", "s/a", "s/a/c"} <= below) if folders else not below
    synced.clear()
    store.set("a/c/1", [b"1"])
    assert len(synced) == files_synced + folders


@linux
def test_what_is_synced_in_folders_that_another_process_made(tmp_path, monkeypatch):
    LocalStore(tmp_path).within("a").set("a/c/0", [b"1"])
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), real(fd)))
    LocalStore(tmp_path, durability="full").within("a").set("a/c/1", [b"1"])
    assert {f"{tmp_path}/a/c", f"{tmp_path}/a", f"{tmp_path}"} <= set(synced)


WRITE_FOREVER = """
    import sys
    from dzarr.io.local import LocalStore
    store = LocalStore(sys.argv[1]).within("a")
    i = int(sys.argv[2])
    print("ready", flush=True)
    while True:
        i = (i + 1) % 26
        store.set("a/x", [bytes([65 + i]) * 1000] * (2000 + i))
"""


def test_processes_see_whole_values_only(tmp_path, processes):
    store = LocalStore(tmp_path)
    store.set("a/x", [b"A" * 2_000_000])
    writers = [processes.start(WRITE_FOREVER, tmp_path, i) for i in (0, 13)]
    for writer in writers:
        writer.stdout.readline()
    changed, deadline = 0, time.monotonic() + 2
    while time.monotonic() < deadline:
        data, version = store.get("a/x")
        number = data[0] - 65
        assert data == data[:1] * (1000 * (2000 + number))
        try:
            ((_, parts),) = store.fetch([Want("a/x", ((0, 1), (1_500_000, 1_500_001), (-1, None)), version)])
        except VersionChanged:
            changed += 1
        else:
            assert set(parts.buffers) == {data[:1]}
    assert changed


@posix
def test_kill_9_at_any_instant_leaves_whole_objects(tmp_path, processes):
    store = LocalStore(tmp_path)
    for turn in range(5):
        writer = processes.start(WRITE_FOREVER, tmp_path, 0)
        writer.stdout.readline()
        time.sleep(0.005 * turn)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        there = look_after_a_death(store, tmp_path)
        assert there is None or set(there) == {there[0]}


def look_after_a_death(store, folder):
    """Return what is at a/x; nothing else may be listed, and sweeping leaves nothing else."""
    leftovers = everything(folder / "a/.dzarr")
    found = store.get("a/x")
    assert list(store.list("")) == list(store.list("a")) == ["a/x"] * (found is not None)
    assert list(store.list_dir("a")) == ["x"] * (found is not None)
    assert store.sweep("a") == len(leftovers)
    assert everything(folder) == ["a/x"] * (found is not None)
    return found and found[0]


DIE_AT = """
    import os, signal, sys
    from dzarr.io.local import LocalStore
    root, step, when, kind = sys.argv[1:]
    real = getattr(os, step)
    def die(*args, **kwargs):
        if when == "after":
            real(*args, **kwargs)
        elif step == "writev":
            real(args[0], [b"ha"])
        os.kill(os.getpid(), signal.SIGKILL)
    store = LocalStore(root).within("a")
    version = store.head("a/x")
    setattr(os, step, die)
    if kind == "set":
        store.set("a/x", [b"half", b"half"])
    else:
        store.set_if("a/x", [b"half", b"half"], version and version[1])
"""


STEPS = [("writev", "before"), ("writev", "after"), ("fstat", "before"), ("replace", "before"), ("replace", "after")]
DEATHS = [(step, when, kind, old) for step, when in STEPS for kind in ("set", "set_if") for old in (b"old", None)]
# A create-only write links where the others rename.
DEATHS = [("link" if d[0] == "replace" and d[2:] == ("set_if", None) else d[0], *d[1:]) for d in DEATHS]


@posix
@pytest.mark.parametrize(("step", "when", "kind", "old"), DEATHS)
def test_kill_9_at_every_step(tmp_path, processes, step, when, kind, old):
    store = LocalStore(tmp_path)
    if old:
        store.set("a/x", [old])
    writer = processes.start(DIE_AT, tmp_path, step, when, kind)
    assert writer.wait(60) == -signal.SIGKILL
    published = when == "after" and step in ("replace", "link")
    if (step, when) != ("replace", "after"):
        assert len(everything(tmp_path / "a/.dzarr")) == 1
    assert look_after_a_death(store, tmp_path) == (b"halfhalf" if published else old)
    version = store.head("a/x")
    store.set_if("a/x", [b"next"], version and version[1])
    assert everything(tmp_path) == ["a/x"]


def test_sweep_spares_the_living_and_the_young(tmp_path, processes):
    store = LocalStore(tmp_path).within("a")
    store.set("a/x", [b"1"])
    folder = tmp_path / "a/.dzarr/tmp"
    dead = processes.start("pass")
    dead.communicate()
    host = atomic.HOST
    young = [f"{host}-{os.getpid()}-0011", f"elsewhere-{dead.pid}-0011"]
    old = [f"elsewhere-{os.getpid()}-0022", "anything"]
    for name in [*young, *old, f"{host}-{dead.pid}-0011"]:
        (folder / name).write_bytes(b"1")
    for name in (".dz-00112233", ".dz-44556677", ".dz-lock"):
        (tmp_path / "a" / name).write_bytes(b"1")
    (tmp_path / "a/.dz-0a0b0c0d/c").mkdir(parents=True)
    past = time.time() - 100_000
    for path in [*(folder / name for name in old), tmp_path / "a/.dz-44556677", tmp_path / "a/.dz-lock"]:
        os.utime(path, (past, past))
    assert store.sweep("a") == 5
    assert sorted(path.name for path in folder.iterdir()) == sorted(young)
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [".dz-00112233", ".dz-lock", ".dzarr", "x"]
    assert store.sweep("a") == store.sweep("nothing") == 0


CREATE = """
    import sys, time
    from dzarr.errors import ConflictError
    from dzarr.io.local import LocalStore
    root, start, i = sys.argv[1:]
    store = LocalStore(root).within("a")
    while time.time() < float(start): pass
    for turn in range(100):
        try:
            store.set_if(f"a/{turn}", [i.encode()], None)
            print(turn)
        except ConflictError:
            pass
"""


def test_one_of_four_processes_creates(tmp_path, processes):
    printed = processes.run(4, CREATE, tmp_path, time.time() + 1.0)
    won = [int(line) for text in printed for line in text.split()]
    assert sorted(won) == list(range(100))
    for i, text in enumerate(printed):
        for turn in text.split():
            assert LocalStore(tmp_path).get(f"a/{turn}")[0] == str(i).encode()
    assert len(everything(tmp_path)) == 100


COUNT = """
    import sys
    from dzarr.errors import ConflictError
    from dzarr.io import stripes
    from dzarr.io.local import LocalStore
    root, where, times, i = sys.argv[1:]
    if where == "lease":
        stripes.KNOWN_GOOD = frozenset()
    store = LocalStore(root)
    for _ in range(int(times)):
        while True:
            data, version = store.get("a/n")
            try:
                store.set_if("a/n", [str(int(bytes(data)) + 1).encode()], version)
                break
            except ConflictError:
                pass
"""


@pytest.mark.parametrize(("where", "times"), [("flock", 50), ("lease", 10)])
def test_four_processes_that_count_by_compare_and_swap_lose_nothing(tmp_path, processes, where, times):
    store = LocalStore(tmp_path)
    store.set("a/n", [b"0"])
    processes.run(4, COUNT, tmp_path, where, times)
    assert store.get("a/n")[0] == str(4 * times).encode()
    assert everything(tmp_path) == ["a/n"]


def test_compare_and_swap_in_a_folder_that_goes_away(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    version = store.set("a/x", [b"1"])
    real = stripes._try_flock

    def vanish(path, flags, key):
        store.delete_dir("a")
        return real(path, flags, key)

    monkeypatch.setattr(stripes, "_try_flock", vanish)
    with pytest.raises(StoreError) as caught:
        store.within("b").set_if("a/x", [b"2"], version)
    assert caught.value.key == "a/x"
    assert everything(tmp_path) == []


@linux
def test_a_write_is_few_calls(tmp_path):
    store = LocalStore(tmp_path).within("a")
    store.set("a/c/0", [b"1"])
    calls = []

    def hook(event, args):
        if event in ("open", "os.rename", "os.utime", "os.mkdir", "os.remove", "os.link", "os.scandir") and watching:
            calls.append(event)

    watching = True
    sys.addaudithook(hook)
    store.set("a/c/0", [b"2", b"3"])
    watching = False
    assert calls == ["open", "os.utime", "os.rename"]
