# SPDX-License-Identifier: MIT
"""A TCP proxy with faults: proxy.py LINKS BROKERS. A process of its own, so that it never waits for
the test.

It listens on a port for each link (a daemon) and broker and prints the ports, as JSON. Then it takes
a command a line on its stdin; link and broker are numbers from 0, or * for all:

    target LINK BROKER PORT         where this one leads
    cut LINK BROKER                 its connections are reset
    stall LINK BROKER SECONDS       nothing gets through meanwhile, in neither direction
    slow LINK BROKER SECONDS BYTES  so many bytes a second and direction
    refuse LINK BROKER SECONDS      cut, and new connections are reset at once
    heal                            takes back what still lasts

End of file ends it.
"""
import asyncio
import json
import socket
import struct
import sys
import time

CHUNK = 65536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Link:
    def __init__(self):
        self.port, self.writers = None, set()
        self.stalled_until = self.slow_until = self.refused_until = 0.0
        self.bytes_per_s = 0

    # ---- faults ----

    def cut(self):
        for writer in list(self.writers):
            reset(writer)

    def stall(self, seconds):
        self.stalled_until = time.monotonic() + float(seconds)

    def slow(self, seconds, n_bytes):
        self.slow_until, self.bytes_per_s = time.monotonic() + float(seconds), int(n_bytes)

    def refuse(self, seconds):
        self.refused_until = time.monotonic() + float(seconds)
        self.cut()

    def heal(self):
        self.stalled_until = self.slow_until = self.refused_until = 0.0

    # ---- traffic ----

    async def on_accept(self, reader, writer):
        if self.port is None or time.monotonic() < self.refused_until:
            reset(writer)
            return
        self.writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            self.writers.discard(writer)
            reset(writer)
            return
        self.writers.add(far_writer)
        await asyncio.gather(self.pump(reader, far_writer), self.pump(far_reader, writer))
        for end in (writer, far_writer):
            self.writers.discard(end)
            end.close()

    async def pump(self, reader, writer):
        try:
            while data := await reader.read(self.chunk()):
                await self.delay(len(data))
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        reset(writer)

    def chunk(self):
        return 1024 if time.monotonic() < self.slow_until else CHUNK

    async def delay(self, n_bytes):
        if time.monotonic() < self.slow_until:
            await asyncio.sleep(n_bytes / self.bytes_per_s)
        while (left := self.stalled_until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.05))


def reset(writer):
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


def chosen(links, link, broker):
    rows = links if link == "*" else [links[int(link)]]
    return [entry for row in rows for entry in (row if broker == "*" else [row[int(broker)]])]


def obey(links, line):
    word, *rest = line.split()
    if word == "heal":
        for entry in chosen(links, "*", "*"):
            entry.heal()
        return
    for entry in chosen(links, *rest[:2]):
        if word == "target":
            entry.port = int(rest[2])
        else:
            getattr(entry, word)(*rest[2:])


async def main():
    n_links, n_brokers = map(int, sys.argv[1:])
    links = [[Link() for _ in range(n_brokers)] for _ in range(n_links)]
    ports, servers = [], []
    for row in links:
        servers += [await asyncio.start_server(link.on_accept, "127.0.0.1", 0) for link in row]
        ports.append([s.sockets[0].getsockname()[1] for s in servers[-n_brokers:]])
    print(json.dumps(ports), flush=True)
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        obey(links, line.decode())


if __name__ == "__main__":
    asyncio.run(main())
