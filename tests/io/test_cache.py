"""Caches: one load however many ask, limits, forks."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dzarr.io import cache
from dzarr.io.cache import LoadOnce, indexes


def test_get_put_discard_clear():
    values = LoadOnce(100, len)
    assert values.get("a") is None
    values.put("a", b"12345")
    values.put("b", b"123")
    assert (values.get("a"), values.nbytes, len(values)) == (b"12345", 8, 2)
    values.put("a", b"1")
    assert values.nbytes == 4
    values.discard("a")
    values.discard("never")
    assert (values.get("a"), values.nbytes) == (None, 3)
    values.clear()
    assert (values.get("b"), values.nbytes) == (None, 0)


def test_the_longest_unused_goes_first():
    values = LoadOnce(100, len)
    for name in "abcdefghij":
        values.put(name, b"x" * 10)
    assert values.get("a")
    values.put("k", b"x" * 10)
    assert values.get("a")
    assert values.get("b") is None
    assert values.nbytes == 100


def test_what_is_too_heavy_is_not_kept():
    values = LoadOnce(100, len)
    values.put("light", b"x" * 50)
    assert values.load("heavy", lambda: b"x" * 101) == b"x" * 101
    assert values.get("heavy") is None
    assert values.get("light")


def test_eight_threads_load_once():
    values = LoadOnce(10_000, len)
    together = threading.Barrier(8)
    made = []

    def make(turn):
        made.append(turn)
        time.sleep(0.01)
        return b"%d" % turn

    def ask(turn):
        together.wait()
        return values.load(turn, lambda: make(turn))

    with ThreadPoolExecutor(8) as pool:
        for turn in range(10):
            assert list(pool.map(ask, [turn] * 8)) == [b"%d" % turn] * 8
    assert made == list(range(10))


def test_what_make_raises_reaches_all_and_is_not_kept():
    values = LoadOnce(100, len)
    together = threading.Barrier(8)
    made = []

    def fail():
        made.append(1)
        time.sleep(0.1)
        raise ZeroDivisionError

    def ask(_):
        together.wait()
        with pytest.raises(ZeroDivisionError):
            values.load("a", fail)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    assert made == [1]
    assert values.load("a", lambda: b"now") == b"now"


def test_a_weight_that_fails_reaches_the_caller_and_leaves_nothing_in_flight():
    values = LoadOnce(100, len)
    for _ in range(2):
        with pytest.raises(TypeError):
            values.load("a", lambda: 3)


def test_discard_while_loading():
    values = LoadOnce(100, len)
    loading, go = threading.Event(), threading.Event()

    def make():
        loading.set()
        go.wait(10)
        return b"old"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(values.load, "a", make)
        loading.wait(10)
        values.discard("a")
        assert values.load("a", lambda: b"new") == b"new"
        go.set()
        assert first.result(10) == b"old"
    assert values.get("a") == b"new"


def test_make_that_asks_for_its_own_key():
    values = LoadOnce(100, len)
    assert values.load("a", lambda: values.load("a", lambda: b"inner") + b"outer") == b"innerouter"


def test_many_threads_and_evictions():
    values = LoadOnce(200, len)

    def work(seed):
        numbers = np.random.default_rng(seed).integers(0, 60, 2000).tolist()
        for n in numbers:
            assert values.load(n, lambda n=n: b"%02d" % n * 5) == b"%02d" % n * 5
            if n == 7:
                values.discard(n)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert values.nbytes <= 200
    assert values.nbytes == 10 * len(values)


def test_indexes_are_of_the_process_and_grow():
    first = indexes(1000)
    assert indexes(1 << 30) is first
    assert first._lru.n == 1 << 30
    assert indexes(10)._lru.n == 1 << 30
    before = first.nbytes
    first.put(("s", "k"), np.zeros(10, np.uint64))
    assert 280 <= first.nbytes - before < 1000
    first.discard(("s", "k"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_with_a_load_in_flight():
    values = LoadOnce(100, len)
    loading, go = threading.Event(), threading.Event()

    def make():
        loading.set()
        go.wait(10)
        return b"parent"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(values.load, "a", make)
        loading.wait(10)
        with values._lock, values._lru.lock:  # the worst moment
            child = os.fork()
            if child == 0:
                os._exit(0 if values.load("a", lambda: b"child") == b"child" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        go.set()
        assert first.result(10) == b"parent"
    assert values in cache._caches
