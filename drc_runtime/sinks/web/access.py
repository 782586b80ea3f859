"""The page's address, and who may see the page."""

import ipaddress
import re
import secrets
import socket
from dataclasses import dataclass

from drc_runtime.errors import OutputError, UsageError

LOOPBACK = "127.0.0.1"
TOKEN = re.compile(r"[A-Za-z0-9._~-]{8,128}")  # characters that need no quoting in a cookie or an address


@dataclass(frozen=True)
class Address:
    """The address that a user writes as ``[HOST:]PORT``."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Reads ``8000``, ``0.0.0.0:8000``, ``localhost:8000`` or ``[::1]:8000``; port 0 takes a free one.

        Raises:
            UsageError: another form.
        """
        match = re.fullmatch(r"(?:(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):)?([0-9]{1,5})", text)
        if match is None or int(match[2]) > 65535:
            raise UsageError(f"--serve {text} is no address; write PORT or HOST:PORT, such as 8000 or 0.0.0.0:8000")
        return cls((match[1] or LOOPBACK).strip("[]"), int(match[2]))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    def listen(self) -> socket.socket:
        """Opens a listening socket.

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
    """Decides which requests are answered.

    Prevents DNS rebinding: without a token the Host header must name this machine.

    Attributes:
        token: the access token that every request must have; None: no token.
    """

    token: str | None

    @classmethod
    def of(cls, address: Address, token: str | None) -> "Access":
        """Uses the user's token; without one, a random token, or none if only this machine can reach ``address``.

        Raises:
            UsageError: the token is too short or too long, or has a character that needs quoting.
        """
        if token is not None and not TOKEN.fullmatch(token):
            raise UsageError("--token must have 8 to 128 letters, digits or . _ ~ -")
        return cls(token or (None if address.loopback else secrets.token_urlsafe(16)))

    def admits(self, host: str, offered: list[str]) -> bool:
        """Whether a request is answered.

        Args:
            host: its Host header.
            offered: the tokens in its cookie, address and Authorization header.
        """
        if self.token is None:
            return is_loopback(host_name(host))
        expected = self.token.encode()
        return any([secrets.compare_digest(token.encode("utf-8", "replace"), expected) for token in offered])


def host_name(header: str) -> str:
    """The host in a Host header: lower case, without the port and without the brackets of an IPv6 address."""
    match = re.fullmatch(r"\[([^\]]*)\](?::[0-9]*)?|([^:]*)(?::[0-9]*)?", header)
    return (match[1] or match[2] or "").lower() if match else ""


def is_loopback(host: str) -> bool:
    """Whether ``host`` is ``localhost`` or a loopback address. No name is resolved."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
