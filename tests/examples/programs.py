# SPDX-License-Identifier: MIT
"""Blocks of code in the documents, and programs that are made of them."""
import os
import re
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
END_TIMEOUT_S = 20


def blocks(path, language):
    """The text of each ```language block of a document, in their order."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def only_block(path, language):
    found = blocks(path, language)
    assert len(found) == 1, f"{path} has {len(found)} blocks of {language}, the test expects one"
    return found[0]


class Program:
    """A child whose output is at hand at any time; lines come at once, as on a terminal."""

    def __init__(self, scene, command, environment):
        self.scene = scene
        self.output_file = scene.directory / f"output-{len(scene.apps)}"
        self.ended = None
        with open(self.output_file, "wb") as output:
            self.process = subprocess.Popen(
                ["stdbuf", "-oL", *map(str, command)], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, cwd=scene.directory,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment})
        scene.apps.append(self)

    def output(self):
        return self.output_file.read_text(encoding="utf-8", errors="replace")

    def wait_output(self, *texts, timeout_s=30.0):
        """Waits until all texts were printed, or says what was printed in their place."""
        def is_there():
            missing = [text for text in texts if text not in self.output()]
            assert not missing or self.process.poll() is None, self.output()
            return not missing
        self.scene.wait_for(is_there, timeout_s, f"{texts[:3]} ... in the output of the program")

    def wait_exit(self, timeout_s=END_TIMEOUT_S):
        self.scene.wait_for(lambda: self.process.poll() is not None, timeout_s, "its end")
        return self.process.returncode

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.wait_exit()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
