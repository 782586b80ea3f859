"""The page's address, and which requests are answered."""

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drc_runtime.errors import OutputError, UsageError
from drc_runtime.sinks.web.access import Access, Address, host_name, is_loopback


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("8000", "127.0.0.1", 8000, True),
        ("localhost:0", "localhost", 0, True),
        ("127.0.0.2:80", "127.0.0.2", 80, True),
        ("[::1]:8000", "::1", 8000, True),
        ("0.0.0.0:8000", "0.0.0.0", 8000, False),
        ("[::]:65535", "::", 65535, False),
        ("box.local:8000", "box.local", 8000, False),
    ],
)
def test_an_address_is_a_port_or_a_host_with_a_port(text: str, host: str, port: int, loopback: bool) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, address.loopback) == (host, port, loopback)


@pytest.mark.parametrize(
    "text", ["", "eight", "65536", "1.2.3.4", ":8000", "::1:8000", "host:", "http://a:1", "8000\n"]
)
def test_other_texts_are_refused_as_an_address(text: str) -> None:
    with pytest.raises(UsageError, match="write PORT or HOST:PORT"):
        Address.parse(text)


def test_a_port_in_use_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OutputError, match="choose another host or port"):
            Address.parse(str(taken.getsockname()[1])).listen()
    with pytest.raises(OutputError, match=r"cannot serve at 192\.0\.2\.1:0"):
        Address.parse("192.0.2.1:0").listen()  # an address kept for documentation


def test_a_random_token_is_made_only_if_other_machines_can_reach_the_page() -> None:
    assert Access.of(Address.parse("8000"), None).token is None
    made = {Access.of(Address.parse("0.0.0.0:8000"), None).token for _ in range(20)}
    assert len(made) == 20 and min(len(token or "") for token in made) >= 22
    assert Access.of(Address.parse("8000"), "long.enough").token == "long.enough"


@pytest.mark.parametrize("token", ["", "short", "with space", "semi;colon", "ünlaut-long", "x" * 129])
def test_a_token_that_needs_quoting_or_is_guessed_is_refused(token: str) -> None:
    with pytest.raises(UsageError, match="--token must have"):
        Access.of(Address.parse("8000"), token)


def test_with_a_token_only_the_token_counts() -> None:
    access = Access("correct-token")
    assert access.admits("anything.example", ["", "correct-token"])
    assert not access.admits("127.0.0.1:8000", ["", "correct-toke", "correct-token ", "CORRECT-TOKEN", "\ud800"])


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.9.9.9", "[::1]:8000", "[::1]"])
def test_without_a_token_this_machine_may_be_addressed_as_itself(host: str) -> None:
    assert Access(None).admits(host, [])


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8000", "192.168.1.5", "[::2]", "0"]
)
def test_without_a_token_a_name_that_resolves_here_is_refused(host: str) -> None:
    assert not Access(None).admits(host, ["", ""])


@given(st.text(max_size=40))
def test_any_host_header_is_judged_by_its_name_alone(text: str) -> None:
    name = host_name(text)
    assert Access(None).admits(text, []) == is_loopback(name)
    assert not Access("correct-token").admits(text, [text])


@given(st.text(alphabet="[]:.0123456789abc-", max_size=24))
def test_addresses_are_parsed_or_refused(text: str) -> None:
    try:
        assert 0 <= Address.parse(text).port <= 65535
    except UsageError:
        pass
