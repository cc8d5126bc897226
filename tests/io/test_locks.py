"""Locks: they exclude, they time out with a word, and they go with their holder."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dzarr.errors import LockError, UnsupportedError
from dzarr.io import stripes
from dzarr.io.keyed import KeyedLocks, in_process
from dzarr.io.local import LocalStore
from dzarr.io.locks import CallerLock, FileLocks, NoLock, ThreadLocks, lock_provider
from dzarr.io.memory import MemoryStore
from dzarr.options import Options


@pytest.fixture(params=["flock", "lease"])
def kind(request, monkeypatch):
    """Lock files as they are made here, and as on a file system where flock isn't trusted."""
    if request.param == "lease":
        monkeypatch.setattr(stripes, "KNOWN_GOOD", frozenset())
    return request.param


def count_up(locks, path, times, key):
    for _ in range(times):
        with locks.hold(key) as held:
            number = int(path.read_text())
            held.check()
            time.sleep(0)
            path.write_text(str(number + 1))


def test_thread_locks_exclude_sixteen_threads(tmp_path):
    path = tmp_path / "n"
    path.write_text("0")
    locks = ThreadLocks("memory://x")
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: count_up(locks, path, 25, "a/c/0"), range(16)))
    assert path.read_text() == "400"
    assert len(in_process) == 0


def test_thread_locks_go_by_store_and_key():
    both = threading.Barrier(2, timeout=10)

    def meet(locks, key):
        with locks.hold(key):
            both.wait()

    for first, second in (
        ((ThreadLocks("s"), "a"), (ThreadLocks("s"), "b")),
        ((ThreadLocks("s"), "a"), (ThreadLocks("t"), "a")),
    ):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda pair: meet(*pair), [first, second]))


@pytest.mark.parametrize("how", ["threads", "files"])
def test_waiting_in_vain_says_what_to_do(tmp_path, kind, how):
    options = Options(lock_timeout=0.2)
    locks = lock_provider(how, LocalStore(tmp_path), "a", options)
    inside, leave = threading.Event(), threading.Event()

    def holder():
        with locks.hold("a/c/0"):
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=holder)
    thread.start()
    inside.wait(10)
    try:
        with pytest.raises(LockError, match=r"waited 0\.\d s .* lock_timeout") as caught, locks.hold("a/c/0"):
            pass
        assert caught.value.key == "a/c/0"
    finally:
        leave.set()
        thread.join()
    with locks.hold("a/c/0"):
        pass


def test_a_thread_that_asks_for_what_it_holds(tmp_path):
    for locks in (ThreadLocks("s"), FileLocks(LocalStore(tmp_path), "a")):
        with locks.hold("a/c/0"), pytest.raises(LockError, match="already"), locks.hold("a/c/0"):
            pass


COUNT = """
    import sys
    from pathlib import Path
    from dzarr.io import stripes
    from dzarr.io.local import LocalStore
    from dzarr.io.locks import FileLocks
    root, kind, times, i = sys.argv[1:]
    if kind == "lease":
        stripes.KNOWN_GOOD = frozenset()
    # Two open the folder of the array, two the one above it: the lock is the same.
    locks = FileLocks(LocalStore(root), "a") if int(i) % 2 else FileLocks(LocalStore(root + "/a"), "")
    key, path = "a/c/0" if int(i) % 2 else "c/0", Path(root, "n")
    for _ in range(int(times)):
        with locks.hold(key) as held:
            number = int(path.read_text())
            held.check()
            path.write_text(str(number + 1))
"""


def test_four_processes_lose_no_count(tmp_path, processes, kind):
    (tmp_path / "n").write_text("0")
    times = 50 if kind == "flock" else 15
    processes.run(4, COUNT, tmp_path, kind, times)
    assert (tmp_path / "n").read_text() == str(4 * times)
    lock_files = list((tmp_path / "a/.dzarr/locks").iterdir())
    assert len(lock_files) == (1 if kind == "flock" else 0)
    assert list(LocalStore(tmp_path).list("a")) == []


HOLD = """
    import sys, time
    from dzarr.io import stripes
    from dzarr.io.local import LocalStore
    from dzarr.io.locks import FileLocks
    root, kind = sys.argv[1:]
    if kind == "lease":
        stripes.KNOWN_GOOD = frozenset()
    with FileLocks(LocalStore(root), "a", lease=2.0).hold("a/c/0") as held:
        print("holding", flush=True)
        sys.stdin.readline()
        try:
            held.check()
            print("mine", flush=True)
        except Exception as error:
            print(type(error).__name__, error, flush=True)
"""


def test_a_killed_holder_lets_go(tmp_path, processes, kind):
    holder = processes.start(HOLD, tmp_path, kind)
    holder.stdout.readline()
    locks = FileLocks(LocalStore(tmp_path), "a", timeout=0.2, lease=2.0)
    with pytest.raises(LockError, match="another process"), locks.hold("a/c/0"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with replace(locks, timeout=10.0).hold("a/c/0") as held:
        held.check()


def test_a_stopped_holder_learns_that_its_lease_ran_out(tmp_path, processes, monkeypatch):
    monkeypatch.setattr(stripes, "KNOWN_GOOD", frozenset())
    holder = processes.start(HOLD, tmp_path, "lease")
    holder.stdout.readline()
    holder.send_signal(signal.SIGSTOP)
    try:
        with FileLocks(LocalStore(tmp_path), "a", timeout=20.0, lease=2.0).hold("a/c/0") as held:
            held.check()
            holder.send_signal(signal.SIGCONT)
            assert "lease ran out" in holder.communicate("\n", timeout=20)[0]
            held.check()
    finally:
        holder.send_signal(signal.SIGCONT) if holder.poll() is None else None


def test_leases_must_agree(tmp_path, processes):
    holder = processes.start(HOLD, tmp_path, "lease")
    holder.stdout.readline()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stripes, "KNOWN_GOOD", frozenset())
        with pytest.raises(LockError), FileLocks(LocalStore(tmp_path), "a", timeout=5.0, lease=9.0).hold("a/c/0"):
            pass
    assert "mine" in holder.communicate("\n", timeout=20)[0]


def test_a_lock_whose_array_was_removed(tmp_path, kind):
    store = LocalStore(tmp_path)
    with FileLocks(store, "a").hold("a/c/0") as held:
        held.check()
        store.delete_dir("a")
        with pytest.raises(LockError, match="lost"):
            held.check()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_locks_do_not_follow_into_a_fork(tmp_path):
    # While a thread of the parent holds, the child finds in-process locks free, and file locks held by the parent.
    files, threads = FileLocks(LocalStore(tmp_path), "a", timeout=0.2), ThreadLocks("s", timeout=0.2)
    inside, leave = threading.Event(), threading.Event()

    def holder():
        with files.hold("a/c/0"), threads.hold("a"):
            inside.set()
            leave.wait(20)

    thread = threading.Thread(target=holder)
    thread.start()
    inside.wait(10)
    with files.hold("b/9") as mine:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with threads.hold("a"):
                    pass
                for act in (mine.check, files.hold("a/c/0").__enter__):
                    try:
                        act()
                        os._exit(2)
                    except LockError:
                        pass
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        mine.check()
    leave.set()
    thread.join()
    with files.hold("a/c/0"):
        pass


def test_a_folder_where_no_lock_can_be_made(tmp_path):
    (tmp_path / "a").write_bytes(b"in the way")
    with pytest.raises(LockError, match="can't be taken") as caught, FileLocks(LocalStore(tmp_path), "a").hold("a/c/0"):
        pass
    assert str(tmp_path / "a/.dzarr/locks") in str(caught.value)
    assert caught.value.key == "a/c/0"


def test_a_read_only_folder(tmp_path, monkeypatch):
    def refuse(path, *args, **kwargs):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "makedirs", refuse)
    with pytest.raises(LockError, match="Permission denied") as caught, FileLocks(LocalStore(tmp_path), "").hold("c/0"):
        pass
    assert str(tmp_path / ".dzarr/locks") in str(caught.value)


def test_stripes(tmp_path):
    locks = FileLocks(LocalStore(tmp_path), "g/a")
    paths = {locks.stripe(f"g/a/c/{i}/{j}") for i in range(30) for j in range(30)}
    assert paths == {f"{tmp_path}/g/a/.dzarr/locks/{n}" for n in range(64)}
    assert FileLocks(LocalStore(tmp_path / "g/a"), "").stripe("c/0") == locks.stripe("g/a/c/0")


def test_the_ladder(tmp_path):
    options = Options(lock_timeout=7.0, lease=5.0)
    local, memory = LocalStore(tmp_path), MemoryStore()
    assert lock_provider("auto", local, "a", options) == FileLocks(local, "a", 7.0, 5.0)
    assert lock_provider("auto", memory, "a", options) == ThreadLocks(memory.token, 7.0)
    assert lock_provider("threads", local, "a", options) == ThreadLocks(local.token, 7.0)
    assert lock_provider("none", local, "a", options) == NoLock()
    with pytest.raises(LockError, match="need a folder"):
        lock_provider("files", memory, "a", options)
    with pytest.raises(UnsupportedError, match="dask"):
        lock_provider("dask", local, "a", options)
    for wrong in (None, True, 3, "thread", threading.Lock, object()):
        with pytest.raises(LockError, match="no such lock"):
            lock_provider(wrong, local, "a", options)
    for provider in (lock_provider(name, local, "a", options) for name in ("auto", "threads", "none")):
        assert pickle.loads(pickle.dumps(provider)) == provider


class Remote:
    """As much of another store as the ladder looks at."""

    def __init__(self, set_if):
        self.token = "gs:" + "//x"
        self.can = replace(MemoryStore().can, set_if=set_if)


def test_the_ladder_for_other_stores():
    assert lock_provider("auto", Remote(set_if=True), "a", Options()) == NoLock()
    with pytest.raises(LockError, match="compare and swap") as caught:
        lock_provider("auto", Remote(set_if=False), "a", Options())
    assert "lock=" in caught.value.fix


class OldStyle:
    def __init__(self, answer):
        self.answer, self.calls = answer, []

    def acquire(self):
        self.calls.append("acquire")
        return self.answer

    def release(self):
        self.calls.append("release")


def test_the_callers_own_lock(tmp_path):
    own = threading.Lock()
    provider = lock_provider(own, LocalStore(tmp_path), "a", Options())
    assert provider == CallerLock(own)
    with provider.hold("a/c/0") as held:
        held.check()
        assert own.locked()
    assert not own.locked()
    old = OldStyle(answer=None)
    with CallerLock(old).hold("k"):
        assert old.calls == ["acquire"]
    assert old.calls == ["acquire", "release"]
    with pytest.raises(LockError, match="could not be acquired"), CallerLock(OldStyle(answer=False)).hold("k"):
        pass


def test_locks_are_released_on_errors(tmp_path, kind):
    for locks in (ThreadLocks("s"), FileLocks(LocalStore(tmp_path), "a")):
        for _ in range(2):
            with pytest.raises(ZeroDivisionError), locks.hold("a/c/0"):
                raise ZeroDivisionError
    assert len(in_process) == 0


def test_keyed_locks_are_forgotten():
    locks = KeyedLocks()
    with locks.hold("a", timeout=1, key="a"), locks.hold("b", timeout=1, key="b"):
        assert len(locks) == 2
    assert len(locks) == 0


def test_mounts():
    table = """22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
23 22 0:50 / /mnt/with\\040space rw shared:2 master:1 - nfs4 server:/x rw
24 22 0:51 / /data rw - xfs /dev/sdb rw
25 24 0:52 / /data rw - lustre mds:/fs rw
26 24 0:53 / /d\\303\\251 rw - nfs server:/y rw
not a mount line
"""
    for path, expected in {
        "/": "ext4",
        "/etc": "ext4",
        "/mnt/with space/a": "nfs4",
        "/mnt/with": "ext4",
        "/data": "lustre",
        "/data/x/y": "lustre",
        "/database": "ext4",
        "/dé/x": "nfs",
    }.items():
        assert stripes.mounted(path, table) == expected
    assert stripes.mounted("/x", "") == "unknown"
