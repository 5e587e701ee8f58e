"""A TCP proxy that makes a server on this machine seem distant: every byte comes half a round trip later."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.loopback import HOST, free_port, greets, wait_until

CHUNK = 1 << 18


@contextmanager
def distant(port: int, *, round_trip_ms: float) -> Iterator[int]:
    """A port that leads to `port`; in a process of its own, so that it takes no time from what is measured."""
    ours = free_port()
    process = multiprocessing.get_context("fork").Process(
        target=lambda: asyncio.run(_serve(ours, port, round_trip_ms / 1000)), daemon=True
    )
    process.start()
    try:
        wait_until(lambda: greets(ours, b"* OK"), what="the proxy's greeting")
        yield ours
    finally:
        process.terminate()
        process.join()


async def _serve(ours: int, port: int, round_trip: float) -> None:
    async def connect(near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(round_trip)  # the handshake with the far side
        far, send = await asyncio.open_connection(HOST, port)
        for writer in (answer, send):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(_pump(near, send, round_trip / 2), _pump(far, answer, round_trip / 2))

    server = await asyncio.start_server(connect, HOST, ours, limit=CHUNK)
    async with server:
        await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    """Bandwidth is not limited and order is kept: reading goes on while earlier bytes are still under way."""
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
    deliver = asyncio.create_task(_deliver(under_way, writer))
    try:
        while data := await reader.read(CHUNK):
            under_way.put_nowait((time.monotonic() + delay, data))
        under_way.put_nowait((time.monotonic() + delay, b""))
        await deliver
    except ConnectionError:
        deliver.cancel()
        writer.close()


async def _deliver(under_way: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter) -> None:
    while True:
        due, data = await under_way.get()
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        if not data:
            writer.close()
            return
        writer.write(data)
        await writer.drain()
