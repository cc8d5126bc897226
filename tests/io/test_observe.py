"""Counting requests and bytes."""

from __future__ import annotations

import logging
import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

import dzarr.io.observe as module
from dzarr.errors import UnsupportedError
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.observe import LOG_LENGTH, Request, count, observe
from dzarr.io.store import Want


@pytest.mark.parametrize("make", [MemoryStore, None])
def test_what_a_store_is_asked(tmp_path, make):
    store = make() if make else LocalStore(tmp_path)
    with observe() as seen:
        version = store.set("a/x", [b"12345", b"67890"])
        store.set_if("a/x", [b"1234567890"], version)
        store.get("a/x")
        store.get("a/nothing")
        list(store.fetch([Want("a/x", ((0, 2), (3, 6))), Want("a/x"), Want("a/nothing")]))
        store.head("a/x")
        list(store.list(""))
        list(store.list_dir(""))
        store.delete("a/x")
    assert seen.by_kind == {"set": 1, "set_if": 1, "get": 2, "fetch": 3, "head": 1, "list": 2, "delete": 1}
    assert seen.requests == 11
    assert (seen.bytes_written, seen.bytes_read) == (20, 10 + 5 + 10)
    assert seen.log[0] == Request("set", store.token, "a/x", 1, 10)
    store.get("a/x")
    assert seen.requests == 11


def testobservers_nest():
    with observe() as outer:
        count("get", "s", "k", 1, 10)
        with observe() as inner:
            count("get", "s", "k", 2, 20)
        count("set", "s", "k", 1, 30)
    assert (outer.requests, outer.bytes_read, outer.bytes_written) == (4, 30, 30)
    assert (inner.requests, inner.bytes_read, inner.bytes_written) == (2, 20, 0)
    assert module.observers == ()


def test_it_ends_on_errors():
    with pytest.raises(ZeroDivisionError), observe():
        raise ZeroDivisionError
    assert module.observers == ()


def test_threads_are_counted_together():
    with observe() as seen, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [count("get", "s", "k", 1, 3) for _ in range(500)], range(8)))
    assert (seen.requests, seen.bytes_read) == (4000, 12000)


def test_the_log_is_bounded():
    with observe() as seen:
        for i in range(LOG_LENGTH + 5):
            count("get", "s", str(i), 1, 1)
    assert len(seen.log) == LOG_LENGTH
    assert seen.log[-1].key == str(LOG_LENGTH + 4)
    assert seen.requests == LOG_LENGTH + 5


def test_an_observer_does_not_travel():
    with observe() as seen:
        pass
    with pytest.raises(UnsupportedError, match="own process"):
        pickle.dumps(seen)
    assert repr(seen) == "<Seen: 0 requests, 0 bytes read, 0 bytes written>"


def test_the_log_of_requests(caplog):
    with caplog.at_level(logging.DEBUG, logger="dzarr.store"):
        MemoryStore("logged").set("a/x", [b"12"])
    assert caplog.messages == ["set memory://logged/a/x: 1 request(s), 2 bytes"]
    caplog.clear()
    MemoryStore("logged").set("a/x", [b"12"])
    assert caplog.messages == []
