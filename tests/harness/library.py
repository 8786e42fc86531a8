# SPDX-License-Identifier: MIT
"""The newest librdkafka at hand: the one in confluent-kafka's wheel. Its ABI is Debian's, so a
program that was linked with Debian's runs on it."""
from pathlib import Path

import confluent_kafka


def newest_librdkafka(directory):
    """Environment for a program to run on it, with a link of the usual name in the directory; empty
    when the wheel carries none."""
    wheel = Path(confluent_kafka.__file__).parent.parent / "confluent_kafka.libs"
    found = sorted(wheel.glob("librdkafka-*.so.1"))
    if not found:
        return {}
    link = Path(directory) / "librdkafka.so.1"
    if not link.is_symlink():
        link.symlink_to(found[0])
    return {"LD_LIBRARY_PATH": f"{directory}:{wheel}"}
