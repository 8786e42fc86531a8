# SPDX-License-Identifier: MIT
"""What the system tests are made of: brokers, the daemon, peers of it, and independent witnesses.

    Mock, Kafka   a broker that a test owns; the same calls on both, so that a test runs on either
    Daemon        kgroupd in the foreground, configured, waited for and stopped by the test
    Hub, Client   peers that speak the protocol over msgpack, nothing of ours in between
    App           a C program with libkgroup
    Witness       confluent-kafka: produces, and says what Kafka thinks of us

Nothing here sleeps to let something happen. Every wait names its condition and has a bound, and
while one waits every peer is read, unless the test wants it to be slow.
"""
from harness.app import App
from harness.broker import Kafka, Mock
from harness.client import Client, ConnectionClosed
from harness.daemon import Daemon
from harness.hub import Hub, WaitTimeout
from harness.scene import Scene
from harness.witness import Witness

__all__ = ["App", "Client", "ConnectionClosed", "Daemon", "Hub", "Kafka", "Mock", "Scene",
           "WaitTimeout", "Witness"]
