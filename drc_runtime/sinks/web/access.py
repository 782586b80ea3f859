"""Where the page listens, and who may see it."""

import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass

from drc_runtime.errors import OutputError, UsageError

LOOPBACK = "127.0.0.1"
TOKEN = re.compile(r"[A-Za-z0-9._~-]{8,128}")  # what a cookie and an address hold without being quoted


@dataclass(frozen=True)
class Address:
    """What a user writes as ``[HOST:]PORT``."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Reads ``8000``, ``0.0.0.0:8000``, ``localhost:8000`` or ``[::1]:8000``; port 0 takes a free one.

        Raises:
            UsageError: it is none of these.
        """
        match = re.fullmatch(r"(?:(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):)?([0-9]{1,5})", text)
        if match is None or int(match[2]) > 65535:
            raise UsageError(f"--serve {text} is no address; write PORT or HOST:PORT, such as 8000 or 0.0.0.0:8000")
        return cls((match[1] or LOOPBACK).strip("[]"), int(match[2]))

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)

    def listen(self) -> socket.socket:
        """A socket that listens there.

        Raises:
            OutputError: the port is taken, or the host is not this machine's.
        """
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listening = socket.socket(family, kind, protocol)
        except OSError as error:
            raise OutputError(f"cannot serve at {self.host}:{self.port}: {error.strerror}") from error
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(place)
            listening.listen(64)
        except OSError as error:
            listening.close()
            reason = f"{error.strerror}; choose another host or port"
            raise OutputError(f"cannot serve at {self.host}:{self.port}: {reason}") from error
        return listening


@dataclass(frozen=True)
class Access:
    """Who is let in: whoever has the token, or, where there is none, whoever addresses this machine as itself.

    A page of a stranger that a browser on this machine shows can have its own name resolve to 127.0.0.1 and would then read
    the camera; but it cannot make the browser send another name than its own.
    """

    token: str | None

    @classmethod
    def of(cls, address: Address, token: str | None) -> "Access":
        """The user's token; else a new one, or none where only this machine reaches the page.

        Raises:
            UsageError: the token is too short, or would have to be quoted in an address.
        """
        if token is not None and not TOKEN.fullmatch(token):
            raise UsageError("--token must have 8 to 128 letters, digits or . _ ~ -")
        return cls(token or (None if address.loopback else secrets.token_urlsafe(16)))

    def admits(self, host: str, offered: list[str]) -> bool:
        """Whether a request is let in that was sent to ``host``, with these tokens in its cookie, address or header."""
        if self.token is None:
            return is_loopback(host_name(host))
        expected = self.token.encode()
        return any([secrets.compare_digest(token.encode("utf-8", "replace"), expected) for token in offered])


def host_name(header: str) -> str:
    """The name within a ``Host`` header: without the port, and without the brackets of an IPv6 address."""
    match = re.fullmatch(r"\[([^\]]*)\](?::[0-9]*)?|([^:]*)(?::[0-9]*)?", header)
    return (match[1] or match[2] or "").lower() if match else ""


def is_loopback(host: str) -> bool:
    """Whether a name or an address is this machine's own, without asking the network."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
