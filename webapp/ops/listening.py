"""The listening sockets: opened by the supervisor and handed to the web process.

A web process that is started again takes the same sockets: visitors wait a second instead of being refused, and no
other program can take the port in between.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from webapp.ops.home import HomeError

DEFAULT_PORT = 8000
NUM_PORTS_TRIED = 100
BACKLOG = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Address:
    """Where the web process is asked to listen, and under which address people reach it."""

    host: str
    """`localhost`, or the address of a network interface."""

    port: int
    """0 takes any free port."""

    url: str
    """Empty: http://localhost and the port."""

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Address:
        """Read and check ISOCOST_HOST, ISOCOST_PORT and ISOCOST_URL."""
        host = environ.get("ISOCOST_HOST", "").strip() or "localhost"
        url = environ.get("ISOCOST_URL", "").strip().rstrip("/")
        port_text = environ.get("ISOCOST_PORT", "").strip() or str(DEFAULT_PORT)
        if not port_text.isdigit() or int(port_text) > 65535:
            raise HomeError(f"The port is {port_text!r}; give a number up to 65535, as in `make run PORT=8000`.")
        if url and not url.startswith(("http://", "https://")):
            raise HomeError(
                f"The address is {url!r}; it must begin with https://, as in `make run URL=https://example.org`."
            )
        address = cls(host=host, port=int(port_text), url=url)
        if not address.is_loopback and not url.startswith("https://") and environ.get("ISOCOST_INSECURE", "") != "1":
            raise HomeError(
                f"Listening on {host} lets others in, and without https anybody on the way can read passwords. "
                "Put a proxy with a certificate in front and say `make run HOST=... URL=https://...`; "
                "on a network that you trust entirely, ISOCOST_INSECURE=1 allows it without."
            )
        return address

    @property
    def is_loopback(self) -> bool:
        """Return whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def public_url(self, port: int) -> str:
        """Return the address that people type."""
        if self.url:
            return self.url
        host = "localhost" if self.is_loopback else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def listen(address: Address) -> tuple[list[socket.socket], int]:
    """Open the sockets on the port asked for, or on the next that is free; return them and the port."""
    if address.port == 0:
        for _ in range(NUM_PORTS_TRIED):
            if found := _listen_on(address.host, 0):
                return found, int(found[0].getsockname()[1])
        raise HomeError(f"No free port was found on {address.host}.")
    for port in range(address.port, min(address.port + NUM_PORTS_TRIED, 65536)):
        if found := _listen_on(address.host, port):
            return found, port
    raise HomeError(
        f"The ports {address.port} to {address.port + NUM_PORTS_TRIED - 1} are all taken; choose one: `make run PORT=...`."
    )


def _listen_on(host: str, port: int) -> list[socket.socket]:
    """Open one socket a network family; an empty list means that the port is taken on one of them.

    `localhost` is both 127.0.0.1 and ::1 to a browser: with only one of them ours, the other could be a stranger's.
    """
    names = ["127.0.0.1", "::1"] if host == "localhost" else [host]
    sockets: list[socket.socket] = []
    for name in names:
        try:
            sockets.append(_socket(name, port))
            port = port or int(sockets[0].getsockname()[1])
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and name == "::1":
                continue  # a machine without IPv6
            for opened in sockets:
                opened.close()
            if error.errno == errno.EADDRINUSE:
                return []
            raise HomeError(f"Cannot listen on {name}, port {port}: {error.strerror or error}.") from error
    return sockets


def _socket(name: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((name, port))
        opened.listen(BACKLOG)
    except OSError:
        opened.close()
        raise
    return opened
