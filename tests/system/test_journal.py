# SPDX-License-Identifier: MIT
"""What the journal is told: a socket in its place shows each field."""
import os
import socket
import struct

import pytest

both = pytest.mark.both

# A private /run with a journal that is the test's folder; the rest as it is.
PRIVATE_JOURNAL = ["unshare", "--mount", "--propagation", "private", "sh", "-c", """
mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal &&
mount --bind "$1" /run/systemd/journal && shift && exec "$@"
""", "sh"]


class Journal:
    """The receiver of sd_journal_sendv(): each record is a dict of its fields."""

    def __init__(self, directory):
        self.directory = directory
        directory.mkdir()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(str(directory / "socket"))
        self.records = []

    def read(self):
        while True:
            try:
                data = self.socket.recv(1 << 20)
            except BlockingIOError:
                return self.records
            self.records.append(parse(data))

    def find(self, **fields):
        return [r for r in self.read() if all(r.get(k) == v for k, v in fields.items())]


def parse(data):
    """NAME=value LF, or NAME LF length value LF when there are line feeds in the value."""
    record = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = struct.unpack("<Q", rest[:8])[0]
            value, rest = rest[8:8 + length], rest[8 + length + 1:]
        record[name.decode()] = value.decode()
        data = rest
    return record


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a folder in the journal's place")
@both
def test_the_journal_gets_fields(scene):
    journal = Journal(scene.directory / "journal")
    daemon = scene.daemon(start=False, daemon={"log.target": "journal"})
    daemon.launcher = [*PRIVATE_JOURNAL, str(journal.directory)]
    daemon.start()
    missing = scene.topic(1, create=False)
    client = scene.consumer(missing)
    client.wait_error("UNKNOWN_TOPIC")
    said = scene.wait_for(lambda: journal.find(KGROUP_CODE="KG-0043"), 15, "KG-0043 in the journal")
    assert said[0]["KGROUP_GROUP"] == "g"
    assert said[0]["KGROUP_CLUSTER"] == "main"
    assert said[0]["KGROUP_TOPIC"] == missing
    assert said[0]["PRIORITY"] == "4"
    assert missing in said[0]["MESSAGE"]
    assert {r["SYSLOG_IDENTIFIER"] for r in journal.records} == {"kgroupd"}
    assert "KG-0043" not in daemon.log(), "it stands in both"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can put a folder in the journal's place")
@pytest.mark.mock("the broker plays no part")
def test_errors_in_the_configuration_are_errors_in_the_journal(scene):
    """Lines of stderr would be of level info there, and journalctl -p err would not have them."""
    journal = Journal(scene.directory / "journal")
    daemon = scene.daemon(start=False)
    daemon.config_file.write_text("[daemon]\nmemory.limt = 1GiB\n", encoding="ascii")
    daemon.log_file.touch()
    stderr = daemon.log_file.stat()
    daemon.env["JOURNAL_STREAM"] = f"{stderr.st_dev}:{stderr.st_ino}"
    daemon.launcher = [*PRIVATE_JOURNAL, str(journal.directory)]
    daemon.start(wait=False)
    assert daemon.wait_exit() == 78
    errors = [record["MESSAGE"] for record in journal.find(PRIORITY="3")]
    assert any("did you mean 'memory.limit'?" in text for text in errors), journal.records
