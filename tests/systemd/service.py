# SPDX-License-Identifier: MIT
"""kgroupd as the machine's service. To a Scene it is a daemon among its daemons: who makes peers by
the scene reaches the socket of this unit.
"""
import json
import re
from pathlib import Path

from harness.daemon import write_config

START_TIMEOUT_S = 30


class Service:
    def __init__(self, machine, hub, directory, instance=""):
        self.machine, self.hub, self.directory = machine, hub, Path(directory)
        at, dash = (f"@{instance}", f"-{instance}") if instance else ("", "")
        self.unit, self.socket_unit = f"kgroupd{at}.service", f"kgroupd{at}.socket"
        self.config_inside = f"/etc/kgroupd/{instance or 'kgroupd'}.conf"
        self.socket_inside = f"/run/kgroupd{dash}/kgroupd.sock"
        self.socket_path = str(machine.path(self.socket_inside))
        self.log_file = self.directory / "log"
        self.log_file.touch()  # there is one: a scene's report asks
        self.dropins = []
        self.born = machine.journal_now()

    # ---- what it is made of ----

    def configure(self, sections):
        """Sections of scene.config(); where it listens and logs is the unit's business."""
        daemon = {k: v for k, v in sections["daemon"].items()
                  if k not in ("socket.path", "socket.mode", "log.target")}
        file = self.machine.path(self.config_inside)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_config(file, {**sections, "daemon": daemon})
        return self

    def drop_in(self, text, unit=None):
        folder = f"/etc/systemd/system/{unit or self.unit}.d"
        self.machine.write(f"{folder}/test.conf", text)
        self.dropins.append(folder)
        self.machine.systemctl("daemon-reload")
        return self

    # ---- what is done to it ----

    def listen(self):
        self.machine.systemctl("start", self.socket_unit)
        return self

    def start(self):
        self.machine.systemctl("start", self.unit)
        return self

    def restart(self):
        self.machine.systemctl("restart", self.unit)

    def stop(self):
        self.machine.systemctl("stop", self.unit)

    def kill(self, signal):
        self.machine.systemctl("kill", f"--signal={signal}", "--kill-whom=main", self.unit)

    # ---- what is known of it ----

    def show(self, *properties):
        return self.machine.show(self.unit, *properties)

    def state(self):
        return self.show("ActiveState")

    def pid(self):
        return int(self.show("MainPID"))

    def status_text(self):
        return self.show("StatusText")

    def wait_state(self, wanted, timeout_s=START_TIMEOUT_S):
        self.hub.wait_for(lambda: self.state() == wanted, timeout_s, f"{self.unit} {wanted}")
        return self

    def wait_pid_other_than(self, pid, timeout_s=START_TIMEOUT_S):
        """Ready again, as another process."""
        def is_new():
            state, now = self.show("ActiveState", "MainPID")
            return state == "active" and int(now) not in (0, pid)
        self.hub.wait_for(is_new, timeout_s, f"{self.unit} with another pid than {pid}")

    def log(self, *options):
        words = options or ("-o", "cat")
        return self.machine.journal("--since", self.born, "-u", self.unit, "-u",
                                    self.socket_unit, *words)

    def timed_log(self):
        """(seconds, text) of each line, as the sender's clock had it."""
        found = map(json.loads, self.log("-o", "json").splitlines())
        return [(int(line["_SOURCE_REALTIME_TIMESTAMP"]) / 1e6, line["MESSAGE"]) for line in found
                if "_SOURCE_REALTIME_TIMESTAMP" in line]

    def wait_log(self, pattern, timeout_s=15):
        self.hub.wait_for(lambda: re.search(pattern, self.log(), re.M), timeout_s,
                          f"{pattern!r} in the journal")

    # ---- the end ----

    def close(self):
        """As it was before."""
        self.machine.systemctl("stop", self.socket_unit, self.unit)
        self.machine.systemctl("reset-failed", self.socket_unit, self.unit, check=False)
        for inside in [*self.dropins, self.config_inside, str(Path(self.socket_inside).parent)]:
            self.machine.remove(inside)
        self.machine.run("systemd-tmpfiles", "--create", "kgroupd.conf")
        self.machine.systemctl("daemon-reload")
