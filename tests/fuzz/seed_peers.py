#!/usr/bin/env python3
"""Write inputs for fuzz_peers: seed_peers.py FOLDER.

A few lives of clients, and each golden request of an API that is served, between a produce and a fetch.
"""
import gzip
import pathlib
import struct
import sys

# actions of fuzz_peers.c
CLOSE, FRAME, ASK, PRODUCE, FETCH, TAKE, TURN, JOBS, TIME, RESTART = 0, 1, 2, 4, 5, 6, 7, 8, 9, 10

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
root = pathlib.Path(__file__).resolve().parents[2]

# API by name: (key, first version); those that are served, by key, as fuzz_peers.c counts them
schemas = {}
for path in (root / "protocol" / "schema").glob("*.msg"):
    for words in (line.split() for line in path.read_text().splitlines() if line.startswith("api ")):
        schemas[words[2]] = (int(words[1]), int(words[3].rstrip("+").split("-")[0]))
handlers = (root / "broker" / "dispatch.c").read_text()
names = [name for name in schemas if f"KP_API_{name.upper()}," in handlers]
names.sort(key=lambda name: schemas[name][0])


def ask(peer, name, version, body):
    """A request; the body's length is a multiple of four, zeros behind it."""
    body = (body + bytes(-len(body) % 4))[:1020]
    return bytes([ASK, peer, names.index(name), version - schemas[name][1], len(body) // 4]) + body


PRODUCED = bytes([PRODUCE, 0, 0, TURN])
lives = {
    "produce-fetch": PRODUCED + bytes([TAKE, 0, FETCH, 1, 0, 0, 9, TAKE, 1]),
    "parked-append": bytes([FETCH, 1, 0, 0, 99]) + PRODUCED + bytes([TAKE, 1]),
    "parked-timeout": bytes([FETCH, 1, 0, 0, 1, TIME, 99, TAKE, 1]),
    "parked-gone": bytes([FETCH, 1, 0, 0, 99, CLOSE, 1]) + PRODUCED,
    "parked-restart": bytes([FETCH, 1, 0, 0, 99, RESTART]) + PRODUCED,
    "session": bytes([FETCH, 1, 0, 0, 0, TAKE, 1, FETCH, 1, 1, 0, 9]) + PRODUCED + bytes([TURN, TAKE, 1]),
    "two-of-a-session": bytes([FETCH, 1, 0, 0, 0, TAKE, 1, FETCH, 1, 0, 0, 9, FETCH, 2, 0, 0, 9, CLOSE, 1, JOBS]),
    "garbage": bytes([FRAME, 0, 4]) + bytes(range(16)) + PRODUCED,
    "restart": PRODUCED + bytes([RESTART, FETCH, 1, 0, 0, 0, TAKE, 1]),
}
for name, life in lives.items():
    (folder / name).write_bytes(life)

data = gzip.decompress((root / "tests" / "golden" / "messages" / "messages.bin.gz").read_bytes())
at = data.index(b"\n") + 1
while at < len(data):
    length = data[at]
    name = data[at + 1:at + 1 + length].decode()
    version, form, _, size = struct.unpack_from(">hBII", data, at + 1 + length)
    at += 1 + length + 11
    api = name.removesuffix("_request")
    if name != api and api in names:
        life = PRODUCED + ask(0, api, version, data[at:at + size]) + bytes([JOBS, TAKE, 0, FETCH, 1, 0, 0, 9])
        (folder / f"{name}-{version}-{form}").write_bytes(life)
    at += size
