"""Which addresses we connect to, however they are written."""

from __future__ import annotations

import socket

import pytest

from mailchannel.network.dial import dial
from mailchannel.network.guard import GuardError, Target, behind_proxy, resolve

OURS = [
    "127.0.0.1",
    "localhost",
    "localhost.",
    "127.1",
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0.0.0.0",
    "10.0.0.5",
    "172.16.0.1",
    "192.168.1.10",
    "100.64.0.1",
    "::1",
    "::",
    "fd00::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.5",
    "2002:7f00:1::",
    "64:ff9b::7f00:1",
    "64:ff9b:1::5db8:d822",
]
NEVER = ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1"]


@pytest.mark.req("SS-01")
@pytest.mark.parametrize("host", OURS + NEVER)
def test_an_address_inside_our_network_is_refused_before_connecting(host: str) -> None:
    with pytest.raises(GuardError, match="private or reserved") as refusal:
        resolve(host, 993, timeout=5, allow_private=False)

    assert refusal.value.permanent


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.5", "::1"])
def test_the_operator_may_allow_private_networks(host: str) -> None:
    assert resolve(host, 993, timeout=5, allow_private=True).addresses


@pytest.mark.req("SS-01")
@pytest.mark.parametrize("host", NEVER)
def test_metadata_and_multicast_stay_refused_even_then(host: str) -> None:
    with pytest.raises(GuardError):
        resolve(host, 993, timeout=5, allow_private=True)


@pytest.mark.parametrize("host", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"])
def test_a_public_address_is_pinned_as_it_is(host: str) -> None:
    assert resolve(f" {host} ", 993, timeout=5, allow_private=False) == Target(host, 993, (host,))


@pytest.mark.parametrize("host", ["", ".", "https://imap.example.com", "a b", "user@example.com", "a\r\nb", "a\x00b"])
def test_what_is_not_a_host_name_is_called_so(host: str) -> None:
    with pytest.raises(GuardError, match="is not a host name"):
        resolve(host, 993, timeout=5, allow_private=True)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70 + ".example"])
def test_a_name_that_cannot_be_found_may_be_found_later(host: str) -> None:
    with pytest.raises(GuardError, match="is unknown") as refusal:
        resolve(host, 993, timeout=10, allow_private=True)

    assert not refusal.value.permanent


@pytest.mark.req("SS-02")
def test_connecting_uses_the_checked_address_and_never_asks_for_the_name_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = Target("rebound.invalid", server.getsockname()[1], ("127.0.0.1",))

        with dial(target, 2) as line:
            assert line.getpeername()[0] == "127.0.0.1"


def test_a_dead_address_does_not_hide_a_living_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        target = Target("two.example", server.getsockname()[1], ("127.0.0.2", "127.0.0.1"))

        with dial(target, 2) as line:
            assert line.getpeername()[0] == "127.0.0.1"


# --- Where a proxy does the looking up -----------------------------------------------------------


@pytest.mark.req("SS-01")
@pytest.mark.parametrize("host", OURS + NEVER)
def test_a_proxy_is_not_sent_into_our_network_either(host: str) -> None:
    with pytest.raises(GuardError, match="private or reserved") as refusal:
        behind_proxy(host, 993, timeout=5, allow_private=False)

    assert refusal.value.permanent


@pytest.mark.req("SS-01")
@pytest.mark.parametrize("host", NEVER)
def test_nor_to_metadata_and_multicast_where_private_networks_are_allowed(host: str) -> None:
    with pytest.raises(GuardError):
        behind_proxy(host, 993, timeout=5, allow_private=True)


def test_a_name_is_left_to_the_proxy_whether_or_not_we_know_it() -> None:
    unknown = behind_proxy("mail.behind.invalid", 993, timeout=5, allow_private=False)
    known = behind_proxy("localhost", 993, timeout=5, allow_private=True)

    assert (unknown.addresses, known.addresses) == ((), ())
    assert "looked up by the proxy" in unknown.sight.text


@pytest.mark.req("SS-02")
@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "127.0.0.1"])
def test_the_proxy_gets_the_very_address_that_was_checked(host: str) -> None:
    assert behind_proxy(host, 993, timeout=5, allow_private=True).addresses == ("127.0.0.1",)


@pytest.mark.parametrize(
    "host", ["", "a b", "a..b", "x" * 70 + ".example", "mail.example:25", "[::1]", "a,b", "mail.example?x"]
)
def test_what_could_mean_something_else_to_a_proxy_is_no_host_name(host: str) -> None:
    with pytest.raises(GuardError, match="is not a host name"):
        behind_proxy(host, 993, timeout=5, allow_private=True)


def test_a_proxy_may_be_asked_for_a_name_of_any_alphabet() -> None:
    assert behind_proxy("bücher.invalid", 993, timeout=5, allow_private=False).host == "bücher.invalid"
