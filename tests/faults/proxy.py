"""A TCP proxy that fails as networks do: late, silent, cut, cut after some bytes, cut at the COMMIT of a transaction.

It runs on a thread of its own. Every fault is a field that can be turned at any time and is counted when it strikes.
"""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

# How psycopg ends a transaction, and how PostgreSQL says that it has: type, length, text, zero.
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
CHUNK = 65536
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class CutAtCommit:
    """Cuts the connection at the next `times` commits of a transaction that has sent `after`.

    `before`: the server never gets the COMMIT. `behind`: it has carried it out, and its answer is lost.
    """

    after: bytes
    where: Literal["before", "behind"]
    times: int = 1


@dataclass(eq=False)
class Link:
    """One connection through the proxy. `sent` is what the client has said since its last COMMIT."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    sent: bytearray = field(default_factory=bytearray)
    swallows_answer: bool = False

    def cut(self) -> None:
        for writer in (self.client, self.server):
            # A reset, as from a machine that was switched off and on: no polite end.
            writer.transport.abort()


class Proxy:
    """Forwards `port` to `upstream`: host and port, or the path of a Unix socket."""

    def __init__(self, upstream: tuple[str, int] | str) -> None:
        self.upstream = upstream
        self.latency = 0.0  # seconds for each packet, either way
        self.is_silent = False  # half open: connections are taken and nothing is passed on
        self.is_closed = False  # nobody listens
        self.drop_after: int | None = None  # bytes of the server's answer on one connection
        self.cut_at_commit: CutAtCommit | None = None
        self.struck: Counter[str] = Counter()
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def stop(self) -> None:
        self.is_silent = False
        self.cut()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> int:
        """Resets every connection there is; returns how many."""
        return asyncio.run_coroutine_threadsafe(self._cut(), self._loop).result()

    @contextmanager
    def faulty(self, **faults: float | bool | None) -> Iterator[None]:
        """The fields named have these values while the block runs; afterwards all connections begin anew."""
        before = {name: getattr(self, name) for name in faults}
        for name, value in faults.items():
            setattr(self, name, value)
        if self.is_closed:
            self.cut()
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)
            if "is_silent" in faults:
                self.cut()

    async def _cut(self) -> int:
        links = list(self._links)
        for link in links:
            link.cut()
        self.struck["cut"] += len(links)
        return len(links)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._listener)

    async def _end(self) -> None:
        self._server.close()
        if serving := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(serving, timeout=5)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_closed:
            self.struck["refused"] += 1
            writer.transport.abort()
            return
        with suppress(OSError):
            server_reader, server_writer = await self._reach_upstream()
            link = Link(writer, server_writer)
            self._links.add(link)
            try:
                await asyncio.gather(self._pass_on(link, reader), self._answer(link, server_reader))
            finally:
                link.cut()
                self._links.discard(link)
        writer.transport.abort()

    async def _reach_upstream(self) -> Streams:
        if isinstance(self.upstream, str):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection(*self.upstream)

    async def _pass_on(self, link: Link, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(CHUNK):
            await self._delay()
            if self._meets_commit(link, data):
                return
            link.server.write(data)
            await link.server.drain()
        link.cut()

    async def _answer(self, link: Link, reader: asyncio.StreamReader) -> None:
        answered = 0
        while data := await reader.read(CHUNK):
            await self._delay()
            if link.swallows_answer:
                if COMMITTED in data:
                    self.struck["commit behind"] += 1
                    break
                continue
            answered += len(data)
            if self.drop_after is not None and answered > self.drop_after:
                self.struck["dropped"] += 1
                break
            link.client.write(data)
            await link.client.drain()
        link.cut()

    async def _delay(self) -> None:
        if self.latency:
            self.struck["late"] += 1
            await asyncio.sleep(self.latency)
        if self.is_silent:
            self.struck["silent"] += 1
        while self.is_silent:
            await asyncio.sleep(0.05)

    def _meets_commit(self, link: Link, data: bytes) -> bool:
        """Whether the connection was cut instead. A COMMIT comes in one packet: its client waits for it."""
        fault = self.cut_at_commit
        if fault is None:
            return False
        link.sent += data
        if COMMIT not in data:
            return False
        meant = fault.after in link.sent and fault.times > 0
        link.sent.clear()
        if not meant:
            return False
        fault.times -= 1
        if fault.where == "behind":
            link.swallows_answer = True
            return False
        self.struck["commit before"] += 1
        link.cut()
        return True

    def __enter__(self) -> "Proxy":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
