"""What only a memory store promises: names, one process, and saying so in any other."""

from __future__ import annotations

import gc
import os
import pickle

import pytest

from dzarr.errors import StoreError
from dzarr.io import memory
from dzarr.io.memory import MemoryStore


def test_names():
    first = MemoryStore("test-names")
    first.set("b/x", [b"1"])
    assert MemoryStore("test-names").get("b/x")[0] == b"1"
    assert MemoryStore("test-names/b").get("x")[0] == b"1"
    assert MemoryStore("test-other").get("b/x") is None
    assert MemoryStore().get("b/x") is None
    assert MemoryStore() != MemoryStore()
    del first
    gc.collect()
    assert MemoryStore("test-names").get("b/x")[0] == b"1"
    for bad in ("", "a//b", "../x", "/x"):
        with pytest.raises(StoreError):
            MemoryStore(bad)


def test_an_unnamed_store_goes_with_its_last_holder():
    store = MemoryStore()
    store.set("x", [b"1"])
    text, name = pickle.dumps(store), store.token.removeprefix("memory://")
    assert name in memory._unnamed
    del store
    gc.collect()
    assert name not in memory._unnamed
    gone = pickle.loads(text)
    with pytest.raises(StoreError, match="is gone"):
        gone.get("x")


REVIVE = """
    import pickle, sys
    store = pickle.loads(bytes.fromhex(sys.argv[1]))
    print(store.token, store.can.shared)
    for act in (
        lambda: store.get("x"), lambda: store.head("x"), lambda: list(store.list("")), lambda: list(store.list_dir("")),
        lambda: store.set("x", [b"1"]), lambda: store.set_if("x", [b"1"], None), lambda: store.delete("x"),
        lambda: store.delete_dir(""), lambda: pickle.loads(pickle.dumps(store)).get("x"),
    ):
        try:
            act()
            print("no error")
        except OSError as error:
            assert "one process only" in str(error) and "use a folder" in str(error), error
"""


@pytest.mark.parametrize("name", [None, "test-travels"])
def test_in_another_process(processes, name):
    store = MemoryStore(name)
    store.set("x", [b"1"])
    (printed,) = processes.run(1, REVIVE, pickle.dumps(store).hex())
    assert printed.split() == [store.token, "False"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_in_a_forked_child():
    store = MemoryStore("test-forks")
    store.set("x", [b"1"])
    child = os.fork()
    if child == 0:
        code = 1
        try:
            try:
                store.get("x")
            except StoreError:
                code = 0 if MemoryStore("test-forks").get("x") is None else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.get("x")[0] == b"1"
