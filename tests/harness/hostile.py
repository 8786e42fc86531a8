# SPDX-License-Identifier: MIT
"""Processes that do their worst with a socket, as another user, until they are stopped.

Each attack is a function that yields the sockets it holds and goes on from there; whatever the
daemon answers, an attacker comes again. It runs in a process of its own, forked, so that it is as
fast as it can be while the test waits for others, and so that its user is really another one.
"""
import contextlib
import itertools
import multiprocessing
import os
import pwd
import select
import socket
import time

from harness.protocol import encode

HELLO = encode("hello", [1], ["query", "seek"], "hostile", "python/hostile", 65536)
HALF = b"\xce" + (1 << 20).to_bytes(4, "big") + b"\x93"
_fork = multiprocessing.get_context("fork")


def dial(path, *frames):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(path)
    s.sendall(b"".join(frames))
    return s


def opened(path, group):
    """A socket that is a consumer of the group, as far as it may be one."""
    return dial(path, HELLO, encode("open", 1, "", group, os.urandom(16), ["none"], {}),
                encode("resume_end"))


def flood(sockets, data, reads=True):
    """Writes the same bytes to all of them as fast as they take it, and reads what comes."""
    waiting = {s: memoryview(data) for s in sockets}
    for s in sockets:
        s.setblocking(False)
    while True:
        readable, writable, _ = select.select(sockets if reads else [], sockets, [], 1)
        for s in readable:
            if not s.recv(1 << 20):
                raise ConnectionResetError
        for s in writable:
            with contextlib.suppress(BlockingIOError):
                waiting[s] = waiting[s][s.send(waiting[s]):] or memoryview(data)


def hellos(path, group):
    while True:
        for s in [dial(path, HELLO) for _ in range(20)]:
            s.close()


def opens(path, group):
    while True:
        opened(path, group).close()


def closes(path, group):
    """OPEN and CLOSE of one connection, again and again."""
    s = dial(path, HELLO)
    for request in itertools.count(1, 2):
        s.sendall(encode("open", request, "", group, os.urandom(16), ["none"], {}) +
                  encode("resume_end"))
        s.recv(1 << 20)
        s.sendall(encode("close", request + 1))
        s.recv(1 << 20)


def marks(path, group):
    flood([opened(path, group) for _ in range(40)], encode("mark", 0, [[1, 1, 1, None]]) * 4000)


def long_marks(path, group):
    entries = [[claim, 1, 1, None] for claim in range(1, 16001)]
    flood([opened(path, group) for _ in range(50)], encode("mark", 0, entries))


def queries(path, group):
    words = [encode("query", 1, "status", {}), encode("query", 2, "lag", {}),
             encode("query", 3, "nonsense", {}), encode("query", 4, "topics", {"group": group}),
             encode("query", 5, "offset", {"topic": "x", "partition": 0, "at": "latest"}),
             encode("query", 6, "refresh", {}), encode("query", 7, "validate", {
                 "settings": {"topics.include": "(a*)*b"}})]
    flood([dial(path, HELLO) for _ in range(20)], b"".join(words) * 5)


def never_reads(path, group):
    flood([dial(path, HELLO) for _ in range(20)], encode("query", 1, "status", {}) * 100, False)


def half_frames(path, group):
    held = [dial(path, HELLO) for _ in range(60)]
    for s in held:
        s.setblocking(False)
    rest = {s: memoryview(HALF + bytes((1 << 20) - 2)) for s in held}
    while True:
        time.sleep(0.01)
        for s in held:
            with contextlib.suppress(BlockingIOError):
                rest[s] = rest[s][s.send(rest[s]):] if rest[s] else rest[s]


def single_bytes(path, group):
    """Half a mebibyte of one frame, a byte at a time, on 50 connections in turn."""
    held = [dial(path, HELLO) for _ in range(50)]
    for byte in HALF + bytes(1 << 19):
        for s in held:
            s.send(bytes([byte]))


def deaths(path, group):
    """A process each, that says as much as its socket takes and is gone. Not in ATTACKS: what
    waits of it, each for its turn, is heard long after the attack."""
    said = HELLO + (encode("open", 1, "", group, os.urandom(16), ["none"], {}) +
                    encode("resume_end") + encode("close", 2)) * 3000
    while True:
        child = os.fork()
        if not child:
            with contextlib.suppress(OSError):
                s = dial(path)
                s.setblocking(False)
                s.send(said)
            os._exit(0)
        os.waitpid(child, 0)


def nonsense(path, group):
    while True:
        dial(path, HELLO, b"\x00" * 1000).close()


ATTACKS = [hellos, opens, closes, marks, long_marks, queries, never_reads, half_frames,
           single_bytes, nonsense]


def _run(attack, path, group, user):
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    while True:
        with contextlib.suppress(OSError):
            attack(str(path), group)


@contextlib.contextmanager
def attacked(attack, daemon, group="g", user="nobody"):
    """Within it this user attacks the daemon."""
    process = _fork.Process(target=_run, args=(attack, daemon.socket_path, group, user),
                            daemon=True)
    process.start()
    try:
        yield process
        assert process.is_alive(), "the attacker gave up"
    finally:
        process.kill()
        process.join()
