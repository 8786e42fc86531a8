# SPDX-License-Identifier: MIT
"""Debian packages as they are made and served: built from a clone, by a user who is not root; the
same again with a higher version, for an upgrade; and a folder that apt installs from.
"""
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("kgroupd", "kgroupctl", "libkgroup0", "libkgroup-dev")
BUILD_TIMEOUT_S = 400
NOBODY = 65534
APT = ("env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8", "apt-get", "-q", "-y", "-o",
       "Dpkg::Use-Pty=0")


class Failed(Exception):
    pass


def done(*command, **more):
    """What a command said, which must end well."""
    ended = subprocess.run(list(map(str, command)), text=True, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                           **{"timeout": 60, **more})
    if ended.returncode:
        raise Failed(f"{command}: status {ended.returncode}\n{ended.stdout[-3000:]}")
    return ended.stdout


def as_nobody(*command):
    """The command for somebody without privileges."""
    if os.geteuid() != 0:
        return command
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command)


# ---- making them --------------------------------------------------------------------------------


def clone(target):
    """What is committed, and over it what has changed since."""
    done("git", "clone", "-q", "--no-hardlinks", ROOT, target)
    listed = done("git", "-C", ROOT, "ls-files", "-z", "--modified", "--others",
                  "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        source, copy = ROOT / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.exists():
            shutil.copy2(source, copy)
        else:
            copy.unlink(missing_ok=True)


class Packages:
    """One build's: .folder with its files, .version, .deb(name)."""

    def __init__(self, directory):
        self.folder = directory / "packages"
        source = directory / "source"
        clone(source)
        if os.geteuid() == 0:
            done("chown", "-R", f"{NOBODY}:{NOBODY}", directory)
        self.log = done(*as_nobody("env", f"HOME={directory}", source / "systemd/debian/build",
                                   "--nocheck", "--output", self.folder),
                        timeout=BUILD_TIMEOUT_S)
        self.version = done("dpkg-deb", "-f", self.deb("kgroupd"), "Version").strip()

    def deb(self, name):
        found = list(self.folder.glob(f"{name}_*.deb"))
        assert len(found) == 1, f"{name}: {found}"
        return found[0]

    def files(self, name):
        """Names of what a package installs, folders left out."""
        rows = [line.split(None, 5) for line in done("dpkg-deb", "-c", self.deb(name)).splitlines()]
        return {row[5].split(" -> ")[0].removeprefix(".") for row in rows if row[0][0] != "d"}

    def field(self, name, field):
        return done("dpkg-deb", "-f", self.deb(name), field).strip()


def raised(packages, version, folder):
    """The same packages with a higher version, made in a new folder."""
    folder.mkdir()
    for name in NAMES:
        tree = folder / name
        done("dpkg-deb", "-R", packages.deb(name), tree)
        control = tree / "DEBIAN/control"
        text = control.read_text(encoding="utf-8").replace(packages.version, version)
        control.write_text(text, encoding="utf-8")
        done("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, folder)
        shutil.rmtree(tree)
    return list(folder.glob("*.deb"))


# ---- a machine's apt ----------------------------------------------------------------------------


class Repository:
    """A folder of the machine with packages in it, and apt, which knows only this folder."""

    def __init__(self, machine, inside="/srv/kgroupd"):
        self.machine, self.inside = machine, inside
        # There is no network; and others' hooks keep books of what there is to install.
        for place in ("sources.list", "sources.list.d", "apt.conf.d"):
            machine.remove(f"/etc/apt/{place}")
        machine.remove("/var/lib/apt/lists")
        machine.write("/etc/apt/sources.list", f"deb [trusted=yes] file:{inside} ./\n")

    def offer(self, debs):
        """These as well, from now on."""
        folder = self.machine.path(self.inside)
        folder.mkdir(parents=True, exist_ok=True)
        for deb in debs:
            shutil.copy(deb, folder)
        self.machine.run("sh", "-euc", 'cd "$0"; dpkg-scanpackages --multiversion . >Packages',
                         self.inside)
        self.apt("update")

    def apt(self, *words):
        return self.machine.run(*APT, *words, timeout_s=120)

    def installed(self, name):
        """Its version, or None; rc (removed, not purged) counts as none."""
        status, words = self.machine.run(
            "dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", name, check=False)
        return words.split()[1] if status == 0 and words.startswith("ii") else None
