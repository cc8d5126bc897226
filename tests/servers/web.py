"""A small http server for tests: it serves objects from memory, and misbehaves on request. Loopback only."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit


@dataclass
class Web:
    """What the server serves, how, and what it was asked.

    Parameters
    ----------
    objects : dict
        Bodies by path, without the leading slash, unquoted.
    etags : {"strong", "weak", "none"}
    ranges : {"served", "ignored", "shifted", "short", "untold", "unmarked"}
        What becomes of a range: served; all is sent; the bytes beside it; fewer bytes; no Content-Range; a
        Content-Range of another range than the body is of.
    head : bool
        Whether HEAD is allowed.
    absent : int
        The status of what is not there.
    failures : dict
        Statuses to answer first, by path; 0 closes the connection, -1 does so within the body.
    query, header : str
        What a request must carry, or 403.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    etags: str = "strong"
    ranges: str = "served"
    head: bool = True
    absent: int = 404
    failures: dict[str, list[int]] = field(default_factory=dict)
    query: str = ""
    header: tuple[str, str] | None = None
    delay: float = 0.0
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve_folder(self, folder: Path) -> None:
        """Serve the files below a folder, as they are now."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.objects[path.relative_to(folder).as_posix()] = path.read_bytes()

    def requests(self, method: str | None = None) -> int:
        return sum(method in (None, asked[0]) for asked in self.asked)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web
    stop: threading.Event

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._counted(self._serve)

    def do_GET(self) -> None:
        self._counted(self._serve)

    def _counted(self, act: Any) -> None:
        web = self.web
        with web._lock:
            web._now += 1
            web.most_at_once = max(web.most_at_once, web._now)
        try:
            self.stop.wait(web.delay)
            act()
        finally:
            with web._lock:
                web._now -= 1

    def _serve(self) -> None:
        web, parts = self.web, urlsplit(self.path)
        path = unquote(parts.path.lstrip("/"))
        web.asked.append((self.command, path, self.headers.get("Range")))
        if web.query != parts.query or (web.header and self.headers.get(web.header[0]) != web.header[1]):
            return self._answer(403, b"no")
        failures = web.failures.get(path)
        failure = failures.pop(0) if failures else None
        if failure == 0:
            self.close_connection = True
            return None
        if failure is not None and failure > 0:
            return self._answer(failure, b"failing")
        if path not in web.objects:
            return self._answer(web.absent, b"absent")
        if self.command == "HEAD" and not web.head:
            return self._answer(405, b"")
        return self._object(web.objects[path], cut=failure == -1)

    def _object(self, body: bytes, *, cut: bool) -> None:
        headers = {}
        if self.web.etags != "none":
            headers["ETag"] = ("W/" if self.web.etags == "weak" else "") + f'"{sha1(body).hexdigest()}"'
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or "")
        if asked is None or self.web.ranges == "ignored" or self.command == "HEAD":
            return self._answer(200, body, headers, cut=cut)
        if asked[1]:
            start, stop = int(asked[1]), min(len(body), int(asked[2]) + 1 if asked[2] else len(body))
        else:
            start, stop = max(0, len(body) - int(asked[2])), len(body)
        if start >= len(body):
            return self._answer(416, b"", headers | {"Content-Range": f"bytes */{len(body)}"})
        said = f"bytes {start}-{stop - 1}/{len(body)}"
        part = body[start:stop]
        match self.web.ranges:
            case "shifted":
                said, part = f"bytes {start + 1}-{stop}/{len(body)}", body[start + 1 : stop + 1]
            case "short":
                part = part[:-1]
            case "unmarked":
                part = body[start : stop + 1]
        if self.web.ranges != "untold":
            headers["Content-Range"] = said
        return self._answer(206, part, headers, cut=cut)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that hang up are what is tested


@contextmanager
def web_server(**how: Any) -> Iterator[Web]:
    """Serve while the block runs, on a free port of this machine."""
    web, stop = Web(**how), threading.Event()
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"web": web, "stop": stop}))
    web.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield web
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()
