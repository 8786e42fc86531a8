# SPDX-License-Identifier: MIT
"""The least Debian that packages may be installed on: a root with the files of those packages of
this host that are essential, or that Depends lead to from there, and with a dpkg that knows no
others. Something that a package uses and does not depend on is not there.

Made of what is installed here, so it needs no network, and is another Debian than this host only in
what is left out.
"""
import os
import re
import shutil

from debian import done

FIELDS = ("Package", "Essential", "Provides", "Pre-Depends", "Depends")
INFO = "var/lib/dpkg/info"
# Made by packages' scripts: no package has them.
MADE = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/nsswitch.conf")


def names_in(clause):
    """The alternatives of a clause of Depends, without versions and architectures."""
    return [re.match(r"\s*([^\s:(\[]+)", word)[1] for word in clause.split("|")]


class Installed:
    """What dpkg knows of this host."""

    def __init__(self):
        form = "\\t".join(f"${{{name}}}" for name in (*FIELDS, "db:Status-Status")) + "\\n"
        rows = [line.split("\t") for line in done("dpkg-query", "-W", "-f", form).splitlines()]
        self.rows = {row[0]: dict(zip(FIELDS, row)) for row in rows if row[-1] == "installed"}
        self.provided = {}
        for name, row in self.rows.items():
            for clause in filter(str.strip, row["Provides"].split(",")):
                self.provided.setdefault(names_in(clause)[0], name)

    def choose(self, clause):
        """The package that fulfils it here."""
        for name in names_in(clause):
            if name in self.rows or name in self.provided:
                return name if name in self.rows else self.provided[name]
        raise AssertionError(f"nothing here fulfils {clause!r}")

    def closure(self, depends):
        """Packages that one has who has these, and what is essential."""
        found = set()
        todo = [name for name, row in self.rows.items() if row["Essential"] == "yes"]
        todo += [self.choose(clause) for clause in depends]
        while todo:
            name = todo.pop()
            if name in found:
                continue
            found.add(name)
            row = self.rows[name]
            clauses = f"{row['Depends']},{row['Pre-Depends']}".split(",")
            todo += [self.choose(clause) for clause in clauses if clause.strip()]
        return found


def real(path):
    """Its name without links in its folders: dpkg says /lib/x for what is /usr/lib/x."""
    folder, name = os.path.split(os.path.normpath(path))
    return os.path.join(os.path.realpath(folder), name)


def copy_files(names, root):
    listed = done("dpkg-query", "-L", *sorted(names)).splitlines()
    paths = {real(line) for line in listed if line.startswith("/") and os.path.lexists(line)}
    made = {f"/{name}" for name in MADE if os.path.exists(f"/{name}")}
    wanted = root.parent / "names"
    wanted.write_text("\0".join(path.lstrip("/") for path in sorted((paths | made) - {"/"})))
    done("sh", "-euc", 'tar -C / --null --no-recursion --files-from="$0" -cf - | tar -C "$1" -xpf -',
         wanted, root, timeout=120)


def write_status(names, root):
    (root / INFO).mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/updates").mkdir(exist_ok=True)
    shutil.copytree("/var/lib/dpkg/triggers", root / "var/lib/dpkg/triggers", dirs_exist_ok=True)
    status = done("dpkg-query", "-s", *sorted(names))
    (root / "var/lib/dpkg/status").write_text(status, encoding="utf-8")
    for file in os.scandir(f"/{INFO}"):
        if file.name.rpartition(".")[0].split(":")[0] in names:
            shutil.copy2(file.path, root / INFO)


class LeastRoot:
    """A root for debs; .run(...) runs a command in it."""

    def __init__(self, directory, debs):
        self.root = directory / "root"
        self.root.mkdir()
        own = {done("dpkg-deb", "-f", deb, "Package").strip() for deb in debs}
        depends = [clause for deb in debs for field in ("Depends", "Pre-Depends")
                   for clause in done("dpkg-deb", "-f", deb, field).split(",")
                   if clause.strip() and not own & set(names_in(clause))]
        self.names = Installed().closure(depends)
        copy_files(self.names, self.root)
        write_status(self.names, self.root)
        for folder in ("dev", "proc", "run", "tmp"):
            (self.root / folder).mkdir(exist_ok=True)
        for deb in debs:
            shutil.copy(deb, self.root / "tmp")
        self.run("ldconfig")
        self.run("sh", "-c", "dpkg -i /tmp/*.deb")

    def run(self, *command):
        return done("env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "unshare",
                    "--mount", "--pid", "--net", "--fork", "--kill-child", "sh", "-euc",
                    'mount -t proc proc "$0/proc"; mount --rbind /dev "$0/dev"; '
                    'exec chroot "$0" "$@"', self.root, *command, timeout=120)

    def close(self):
        shutil.rmtree(self.root)
