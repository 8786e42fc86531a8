# SPDX-License-Identifier: MIT
"""What one test has: a broker it shares with the others, and everything else of its own.

Topics and groups get names that no other test has. The folder is readable for all, so that a peer
of another user reaches the socket. The end of a test is orderly: peers go, then the daemons stop as
systemd would stop them, and a status other than 0 or a sanitizer's word in a log fails the test.
"""
import contextlib
import grp
import itertools
import os
import pwd
import re
import shutil
import tempfile
from pathlib import Path

from harness.app import App
from harness.client import Client
from harness.daemon import Daemon
from harness.hub import Hub
from harness.kgroup import Library
from harness.library import newest_librdkafka
from harness.peers import LibPeer, WirePeer

_number = itertools.count(1)
_libraries = {}  # by builddir
PEER_OPTIONS = ("mode", "auto_done", "window", "name", "client", "consumer_id", "max_frame")


class Scene:
    """Group `g` of cluster `main` is in every daemon's file; group_id is its name in Kafka."""

    def __init__(self, broker, witness, builddir, name, newest=False, protocol="classic"):
        self.newest = newest  # daemons run on the newest librdkafka instead of Debian's
        self.protocol = protocol  # group.protocol of every group
        self.broker, self.witness, self.builddir = broker, witness, Path(builddir)
        self.hub = Hub()
        plain = re.sub(r"[^a-zA-Z0-9]+", "_", name)[:60]
        self.name = f"{plain}-{os.getpid()}-{next(_number)}"
        self.group_id = f"{self.name}-g"
        self.directory = Path(tempfile.mkdtemp(prefix="kgs-"))
        self.directory.chmod(0o755)
        self.daemons, self.clients, self.apps = [], [], []
        self._n_topics = 0

    # ---- making ----

    def topic(self, n_partitions=1, create=True, **config):
        self._n_topics += 1
        name = f"{self.name}-t{self._n_topics}"
        if create:
            self.broker.create_topic(name, n_partitions, **config)
        return name

    def config(self, daemon=(), kafka=(), cluster=(), group=(), **more):
        """The usual file; more sections as group_x={...} for [group x]."""
        directory = self.directory / str(len(self.daemons))
        directory.mkdir(exist_ok=True)
        directory.chmod(0o755)
        sections = {
            "daemon": {"name": f"d{len(self.daemons)}", "socket.path": directory / "socket",
                       "socket.mode": "0666", "drain.timeout": "2s", "log.target": "stderr",
                       "log.level": os.environ.get("KGROUP_TEST_LOG", "info"), **dict(daemon)},
            "kafka": {"topic.metadata.refresh.interval.ms": "1000", **dict(kafka)},
            "cluster main": {"bootstrap.servers": self.broker.bootstrap, **dict(cluster)},
            "group g": {"group.id": self.group_id, "session.timeout": "4500ms",
                        "heartbeat.interval": "500ms", "initial.offset": "earliest",
                        "commit.interval": "100ms", "cluster": "main", **dict(group)},
        }
        if self.broker.is_mock:  # it knows no static members, and would wait for the dead ones
            sections["group g"].setdefault("instance.id", "")
        for key, values in more.items():
            sections[key.replace("_", " ", 1)] = dict(values)
        if self.protocol == "consumer":
            broker_decides(sections)
        return {name: {k: v for k, v in keys.items() if v is not None}
                for name, keys in sections.items()}

    def daemon(self, start=True, env=None, **sections):
        config = self.config(**sections)
        directory = self.directory / str(len(self.daemons))
        env = {**(newest_librdkafka(self.directory) if self.newest else {}), **(env or {})}
        daemon = Daemon(self.hub, self.builddir / "daemon/kgroupd", directory, config, env)
        self.daemons.append(daemon)
        return daemon.start() if start else daemon

    def client(self, daemon=None, user=None, groups=(), **options):
        """A connected peer; user and groups are names and are what the daemon sees."""
        path = (daemon or self.daemons[-1]).socket_path
        with as_user(user, groups):
            client = Client(self.hub, path, **options)
        self.clients.append(client)
        return client

    def consumer(self, topics, group="g", daemon=None, options=None, **settings):
        """A peer that has opened; topics: a name or several."""
        topics = [topics] if isinstance(topics, str) else topics
        client = self.client(daemon, **(options or {}))
        return client.open(group, topics, **{"errors": True, **settings})

    def peer(self, kind, topics, group="g", daemon=None, opened=True, cluster="", **settings):
        """A consumer of either kind, "wire" or "lib" (peers.py), with errors and a name."""
        topics = [topics] if isinstance(topics, str) else topics
        own = {key: settings.pop(key) for key in PEER_OPTIONS if key in settings}
        own.setdefault("name", f"peer-{len(self.clients)}")
        path = (daemon or self.daemons[-1]).socket_path
        if kind == "wire":
            peer = WirePeer(self.hub, path, **own)
        else:
            peer = LibPeer(self.hub, self.library, path, **own)
        self.clients.append(peer)
        return peer.open(group, topics, cluster, **{"errors": True, **settings}) if opened else peer

    @property
    def library(self):
        """libkgroup, loaded into this process once."""
        if self.builddir not in _libraries:
            _libraries[self.builddir] = Library(self.builddir)
        return _libraries[self.builddir]

    def by_id(self, peers, daemon=None):
        """Peers in the order in which the daemon sorts them: by consumer id."""
        rows = self.status(daemon)[1]["consumers"]
        ids = {row["name"]: row["id"] for row in rows}
        return sorted(peers, key=lambda peer: ids[peer.name])

    def app(self, topics, *options, daemon=None, group="g", launcher=(), **settings):
        topics = [topics] if isinstance(topics, str) else topics
        program = self.builddir / "tests/system/kgtest"
        names = {key.replace("_", "."): value for key, value in settings.items()}
        app = App(self.hub, program, daemon or self.daemons[-1], group, topics, *options,
                  settings=names, launcher=launcher)
        self.apps.append(app)
        return app

    # ---- asking ----

    def wait_for(self, condition, timeout_s=15.0, what=""):
        return self.hub.wait_for(condition, timeout_s, what)

    def committed(self, topic, partition=0, group=None):
        return self.witness.committed_offset(group or self.group_id, topic, partition)

    def wait_committed(self, topic, partition, offset, group=None, timeout_s=15.0):
        """Waits until Kafka has this offset committed."""
        def is_there():
            return self.committed(topic, partition, group) == offset
        self.wait_for(is_there, timeout_s, f"committed {offset} of {topic}/{partition}")

    def status(self, daemon=None, group="g"):
        """(the whole status, the row of the group or None)"""
        with self.asking(daemon) as client:
            status = client.query("status")
        rows = [g for g in status["groups"] if g["name"] == group]
        return status, rows[0] if rows else None

    @contextlib.contextmanager
    def asking(self, daemon=None):
        client = self.client(daemon, name="asking")
        try:
            yield client
        finally:
            client.disconnect()
            self.clients.remove(client)

    # ---- the end ----

    def close(self):
        with contextlib.ExitStack() as stack:  # last in, first out, all of them in any case
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            for daemon in self.daemons:
                stack.callback(daemon.close)
            for app in self.apps:
                stack.callback(app.close)
            for client in self.clients:
                stack.callback(client.disconnect)

    def logs(self):
        for daemon in self.daemons:
            if daemon.log_file.exists():
                yield daemon.directory.name, daemon.log()


def broker_decides(sections):
    """KIP-848 in every group, without the settings that it leaves to the broker."""
    sections["kafka"]["group.protocol"] = "consumer"
    for name, keys in sections.items():
        if name.startswith("group "):
            keys.pop("session.timeout", None)
            keys.pop("heartbeat.interval", None)


@contextlib.contextmanager
def as_user(user, groups=()):
    """Within it a connect() has this user's credentials, which is what SO_PEERCRED keeps."""
    if user is None:
        yield
        return
    entry = pwd.getpwnam(user)
    before = os.getgroups(), os.getegid()
    os.setgroups([grp.getgrnam(name).gr_gid for name in groups])
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[1])
        os.setgroups(before[0])
