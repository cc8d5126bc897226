"""What of a url and of its storage options may be shown: in a store's token, its repr, its errors.

Knows: where credentials hide (before an ``@``, behind a ``?``, in options). Must not know: stores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

_SECRET = re.compile(r"key|secret|token|pass|auth|cred|cookie|header|session|sas|account_key|private", re.IGNORECASE)
_USER = re.compile(r"(\w+://)[^/@?#\s]*@")
_QUERY = re.compile(r"(\w+://[^?\s]*)\?.*", re.DOTALL)
_LOGINS = frozenset({"http", "https", "ftp", "ftps", "sftp", "ssh", "smb", "webhdfs", "hdfs", "webdav", "dav", "davs"})


def public_name(url: str, options: Mapping[str, Any]) -> str:
    """Return a name of the place that `url` and `options` stand for, without credentials.

    Places that differ have different names: of what follows a ``?``, and of options that are no credentials
    (another endpoint is another bucket of the same name), a digest is kept.

    Examples
    --------
    >>> public_name("https://me:password@host/x.zarr", {})
    'https://host/x.zarr'
    >>> public_name("s3://bucket/x", {"key": "me", "secret": "mine"})
    's3://bucket/x'
    >>> public_name("s3://bucket/x", {"endpoint_url": "http://minio:9000"})
    's3://bucket/x#...'
    """
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    host, slash, path = rest.partition("/")
    name = f"{scheme.lower()}://{_public_host(scheme.lower(), host)}{slash}{path}"
    facts = [f"{key}={value}" for key, value in sorted(_public_facts(options))]
    if query:
        name += f"?{_digest(query)}"
    return f"{name}#{_digest(*facts)}" if facts else name


def _public_host(scheme: str, host: str) -> str:
    user, at, host = host.rpartition("@")
    if scheme in _LOGINS:
        return host
    # Elsewhere it is part of the place: a container of abfs://, the repository of github://.
    return (user if scheme == "github" else user.partition(":")[0]) + at + host


def _public_facts(options: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for key, value in options.items():
        if _SECRET.search(str(key)):
            continue
        if isinstance(value, Mapping):
            yield from _public_facts(value, f"{above}{key}.")
        elif isinstance(value, (str, int, float, bool)) and not isinstance(value, bool):
            yield f"{above}{key}", repr(value)


def _digest(*facts: str) -> str:
    return blake2b("\n".join(facts).encode(), digest_size=6).hexdigest()


def secrets_of(url: str, options: Mapping[str, Any]) -> list[str]:
    """Return the words that no error may show, longest first."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    words = {*_leaves(options), parts.query, user, *user.split(":"), *re.split("[&=;]", parts.query)}
    return sorted((word for word in words if len(word) >= 4), key=len, reverse=True)


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, (Mapping, list, tuple)) or _SECRET.search(str(key)):
                yield from _leaves(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, (str, bytes)):
        yield value if isinstance(value, str) else value.decode("latin-1")


def shown(url: str) -> str:
    """Return a url that somebody else wrote, without what may be credentials: for errors.

    Examples
    --------
    >>> shown("https://me:password@host/x.nc?sig=hunter2"), shown("s3://bucket/x.nc"), shown("a?b")
    ('https://***@host/x.nc?***', 's3://bucket/x.nc', 'a?b')
    """
    return _QUERY.sub(r"\1?***", _USER.sub(r"\1***@", url))


def redacted(text: str, secrets: list[str]) -> str:
    """Return `text` without the secrets.

    Examples
    --------
    >>> redacted("403 for https://host/x?sig=hunter2", ["hunter2"])
    '403 for https://host/x?sig=***'
    """
    for secret in secrets:
        text = text.replace(secret, "***")
    return text
