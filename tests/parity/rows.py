# SPDX-License-Identifier: MIT
"""The rows of docs/parity.md: every behaviour that this project owes to the users of its ancestor.

A test is named after its row, test_c2_..., and a row is passed when all tests of that name are.
"""
import re

ROWS = [letter + str(i) for letter, n in
        (("A", 8), ("B", 5), ("C", 8), ("D", 8), ("E", 7), ("F", 12)) for i in range(1, n + 1)]
# What KIP-848 (kafka.group.protocol = consumer) could change.
CONSUMER_PROTOCOL_ROWS = [r for r in ROWS if r[0] in "CD"] + ["E4", "E6", "F1", "F5", "F9"]


def row_of(test_name):
    """A1 of test_a1_...; None when the name has no row."""
    match = re.match(r"test_([a-f]\d+)_", test_name)
    row = match.group(1).upper() if match else None
    return row if row in ROWS else None
