"""Serve a review on this machine until it is stopped."""

import ipaddress
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

import uvicorn

from sslecho.errors import InputError
from sslecho.review.app import make_app
from sslecho.review.desk import Desk
from sslecho.review.guard import Sessions

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def hosts_of(host: str, port: int, allowed: Sequence[str]) -> list[str]:
    """The exact values that a Host header may have.

    Raises:
        InputError: the page is to be served on every address, and no name of it is said.
    """
    names = [*LOOPBACK[:2], "[::1]"] if is_loopback(host) else []
    if not is_loopback(host) and not allowed and _is_every_address(host):
        raise InputError(
            f"--host {host} serves on every address of this machine; say with --allow-host which name or address "
            "browsers will use, such as --allow-host workstation.local"
        )
    if not is_loopback(host) and not _is_every_address(host):
        names.append(f"[{host}]" if ":" in host else host)
    return [f"{name}:{port}" for name in dict.fromkeys([*names, *allowed])]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound; port 0 takes one that is free.

    Raises:
        InputError: the address is taken or is not this machine's.
    """
    bound = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen()  # who asks at once waits until it is served
    except OSError as error:
        if bound is not None:
            bound.close()
        raise InputError(
            f"--host {host} --port {port} can't be served on ({error.strerror}); "
            "name another --port, or 0 for a free one"
        ) from None
    return bound


def serve(
    desk: Desk, bound: socket.socket, *, host: str, allowed: Sequence[str], announce: Callable[[str], None]
) -> None:
    """Serve until Ctrl-C or SIGTERM.

    Args:
        announce: is told the address with its one-time token, now and whenever one was used.
    """
    port = bound.getsockname()[1]
    hosts = hosts_of(host, port, allowed)
    # Browsers tell names apart by their spelling: the address must be one whose Host is on the list.
    named = f"127.0.0.1:{port}" if host == "127.0.0.1" else hosts[0]
    sessions = Sessions(on_new_token=lambda token: announce(f"http://{named}/?token={token}"))
    app = make_app(desk, sessions=sessions, hosts=hosts, cookie=f"sslecho-review-{port}")
    # No access log: it would show the tokens.
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="off", ws="none")
    announce(f"http://{named}/?token={sessions.token}")
    with suppress(KeyboardInterrupt):  # how the page is closed
        uvicorn.Server(config).run(sockets=[bound])


def _is_every_address(host: str) -> bool:
    """Whether the address stands for all that the machine has."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
