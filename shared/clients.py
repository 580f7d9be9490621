"""Who asks over HTTP, by network address, and how often somebody may."""

from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, TypeAlias

from fastapi import Request
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode


def _networks(value: Any) -> Any:
    if isinstance(value, str):
        return tuple(ip_network(one.strip()) for one in value.split(",") if one.strip())
    return value


def _rate(value: str) -> str:
    try:
        parse(value)
    except ValueError:
        raise ValueError('must be such as "5 per 15 minutes"') from None
    return value


Network: TypeAlias = IPv4Network | IPv6Network
Networks: TypeAlias = Annotated[tuple[Network, ...], NoDecode, BeforeValidator(_networks)]
"""As a setting: comma separated."""
Rate: TypeAlias = Annotated[str, AfterValidator(_rate)]


def client(request: Request, proxies: tuple[Network, ...]) -> str:
    """Address of whoever asks: behind proxies, the last one that is none of ours."""
    address = peer(request)
    forwarded = ",".join(request.headers.getlist("x-forwarded-for")).split(",")
    for before in reversed([one.strip() for one in forwarded if one.strip()]):
        if not within(address, proxies):
            break
        address = before
    return address


def peer(request: Request) -> str:
    """Address of whoever is connected."""
    return request.client.host if request.client else ""


def within(address: str, networks: tuple[Network, ...]) -> bool:
    """Whether an address is in one of these networks."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


class Limit:
    """How often somebody may do something, in a window that moves; of one replica."""

    def __init__(self, rate: str, now: Callable[[], datetime]) -> None:
        self._rate: RateLimitItem = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._now = now

    def hit(self, who: str) -> int | None:
        """Once more; the seconds until it is possible, if it was too often."""
        if self._limiter.hit(self._rate, who):
            return None
        reset = self._limiter.get_window_stats(self._rate, who).reset_time
        return max(1, int(reset - self._now().timestamp()) + 1)
