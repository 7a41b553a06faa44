"""Many buyers at one moment: every socket is open before the first request is sent."""

import asyncio
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Wish:
    """One buyer's request. `address` is what the trusted proxy says of where the buyer is."""

    method: str
    path: str
    body: dict[str, Any]
    address: str


@dataclass(frozen=True)
class Reply:
    status: int
    body: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    replies: list[Reply]
    most_open: int

    @property
    def statuses(self) -> Counter[int]:
        return Counter(reply.status for reply in self.replies)


def address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def storm(base_url: str, wishes: list[Wish]) -> Outcome:
    """Opens a connection for every wish, waits until all stand, sends all requests at once and reads the answers."""
    return asyncio.run(_storm(base_url, wishes))


async def _storm(base_url: str, wishes: list[Wish]) -> Outcome:
    parts = urlsplit(base_url)
    opened = await asyncio.gather(*(asyncio.open_connection(parts.hostname, parts.port) for _ in wishes))
    replies = await asyncio.gather(*(_ask(*streams, wish) for streams, wish in zip(opened, wishes, strict=True)))
    return Outcome(replies, most_open=len(opened))


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wish: Wish) -> Reply:
    body = json.dumps(wish.body).encode()
    head = (
        f"{wish.method} {wish.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"X-Forwarded-For: {wish.address}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write(head.encode() + body)
    await writer.drain()
    status = int((await reader.readline()).split()[1])
    length = 0
    while (line := await reader.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    answer = json.loads(await reader.readexactly(length))
    writer.close()
    return Reply(status, answer)
