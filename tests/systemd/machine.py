# SPDX-License-Identifier: MIT
"""A machine with kgroupd installed: a box (see ./box) with this build in it, and a real Kafka.

This process joins the box's network, so that the harness reaches the broker there; Unix sockets it
reaches by the box's root. What must be a process of the machine itself (who is asked for unit, user
or groups) runs there as a transient unit, see unit().
"""
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
BOX = HERE / "box"
CLONE_NEWNET = 0x40000000
KAFKA_UP = TESTS / "kafka/kafka-up"
KAFKA_FOLDER, KAFKA_CACHE = "/var/lib/kafka", "/var/cache/kgroupd-tests"  # inside
COMMAND_TIMEOUT_S = 60


class Machine:
    def __init__(self, builddir):
        self.builddir = Path(builddir)
        subprocess.run([KAFKA_UP, "--download"], check=True)  # there is no network inside
        self.directory = Path(tempfile.mkdtemp(prefix="kgroup-box-"))
        cache = Path(os.environ.get("KGROUP_CACHE") or Path.home() / ".cache/kgroupd-tests")
        # A virtual environment's Python leads to another folder, which need not be below /.
        shares = {TESTS.parent, self.builddir, cache, Path(sys.base_prefix)} - {Path("/usr")}
        words = [word for path in sorted(shares) for word in ("--share", path)]
        self.cache = cache
        subprocess.run([BOX, "up", self.directory, *words], check=True, timeout=120)
        self.root = Path(self._box("root").strip())
        self._install()

    def _box(self, verb, *words):
        return subprocess.run([BOX, verb, self.directory, *words], check=True, text=True,
                              stdout=subprocess.PIPE, timeout=COMMAND_TIMEOUT_S).stdout

    def _install(self):
        """What `ninja install` does, and what a package does after it."""
        done = subprocess.run(["meson", "install", "-C", self.builddir, "--no-rebuild", "--quiet",
                               "--destdir", self.root], capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        self.run("ldconfig")
        self.run("systemd-sysusers")
        self.run("systemd-tmpfiles", "--create", "kgroupd.conf")
        self.run("journalctl", "--update-catalog")
        self.run("systemctl", "daemon-reload")

    def join_network(self):
        """From here on 127.0.0.1 is the machine's, for this process and what it starts."""
        init = self.root.parent.name
        with open(f"/proc/{init}/ns/net", encoding="ascii") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    def start_kafka(self):
        """In the machine, with a SASL_SSL listener; the harness's Kafka finds it by this name. The
        jars are shared, and the folder around them is the machine's."""
        for lib in self.cache.glob("kafka-*/lib"):
            inside = self.path(f"{KAFKA_CACHE}/{lib.parent.name}")
            inside.mkdir(parents=True)
            (inside / "lib").symlink_to(lib)
        self.run("env", f"KGROUP_CACHE={KAFKA_CACHE}", KAFKA_UP, KAFKA_FOLDER, "--sasl",
                 timeout_s=120)
        os.environ["KGROUP_TEST_KAFKA"] = str(self.path(KAFKA_FOLDER))

    # ---- doing ----

    def run(self, *command, check=True, timeout_s=COMMAND_TIMEOUT_S):
        """A command inside, as root; what it printed, or with check=False (status, all it said)."""
        done = subprocess.run([BOX, "run", self.directory, *map(str, command)], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout_s, check=False)
        if not check:
            return done.returncode, done.stdout
        assert done.returncode == 0, f"{command}: status {done.returncode}\n{done.stdout}"
        return done.stdout

    def systemctl(self, *words, check=True):
        return self.run("systemctl", *words, check=check)

    def show(self, unit, *properties):
        """Properties of a unit, in the order asked for; one alone is no list."""
        text = self.systemctl("show", unit, *(f"--property={name}" for name in properties))
        found = dict(line.split("=", 1) for line in text.splitlines())
        values = [found[name] for name in properties]
        return values if len(values) > 1 else values[0]

    def journal(self, *words):
        return self.run("journalctl", "--no-pager", *words)

    def journal_now(self):
        """For journalctl's --since. Not a cursor: --after-cursor skips the first line that matches
        where the cursor's own does not."""
        self.run("journalctl", "--sync")
        return f"@{time.time():.6f}"

    # ---- files ----

    def path(self, inside):
        """A path of the machine as this process reaches it."""
        return self.root / str(inside).lstrip("/")

    def write(self, inside, text, mode=0o644):
        target = self.path(inside)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def remove(self, inside):
        target = self.path(inside)
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)

    def close(self):
        self._box("down")
        shutil.rmtree(self.directory)
