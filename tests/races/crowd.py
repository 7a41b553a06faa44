"""Many buyers at one moment, each with an address and a kept-alive connection of its own."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Reply:
    """`seconds` from the first byte sent to the last one read."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    seconds: float

    @property
    def body(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.content)
        return answer

    @property
    def code(self) -> str:
        """The error's code; empty for what is no error of the API."""
        is_error = self.status >= 400 and "json" in self.headers.get("content-type", "")
        return str(self.body.get("code", "")) if is_error else ""


def address(number: int) -> str:
    """What the trusted proxy says of where that buyer is."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Connection:
    """One socket. Whoever does not answer in time is an error: a buyer must never be left hanging."""

    def __init__(self, url: str, *, client_address: str, patience: float) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port
        self.client_address, self.patience = client_address, patience

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)

    def close(self) -> None:
        self.writer.close()

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Reply:
        """Header names are given as `content_type=...`."""
        return await asyncio.wait_for(self._ask(method, path, body, headers), self.patience)

    async def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        started = time.perf_counter()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines += [f"X-Forwarded-For: {self.client_address}", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await self.writer.drain()
        status = int((await self.reader.readline()).split()[1])
        answered = {}
        while line := (await self.reader.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            answered[name.lower()] = value.strip()
        content = await self.reader.readexactly(int(answered.get("content-length", "0")))
        return Reply(status, answered, content, time.perf_counter() - started)

    async def ask_json(self, method: str, path: str, body: Mapping[str, Any], **headers: str) -> Reply:
        sent = json.dumps(body).encode()
        return await self.ask(method, path, sent, content_type="application/json", **headers)
