#!/usr/bin/env python3
"""Write messages of tests/golden/messages/messages.bin.gz as seeds for fuzz_messages: seed_messages.py FOLDER.

One of each message, version and form is enough to start from.
"""
import gzip
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
root = pathlib.Path(__file__).resolve().parents[2]

# schemas in the order of kp_schemas[]: (name, first version)
schemas = {}
for path in sorted((root / "protocol" / "schema").glob("*.msg")):
    for words in (line.split("#")[0].split() for line in path.read_text().splitlines() if line[:1].isalpha()):
        names = {"api": [f"{words[2]}_request", f"{words[2]}_response"] if len(words) > 2 else [],
                 "record": words[3:4], "message": words[1:2]}.get(words[0], [])
        versions = {"api": 3, "record": 4, "message": 2}.get(words[0])
        for name in names:
            schemas[name] = (len(schemas), int(words[versions].rstrip("+").split("-")[0]))

data = gzip.decompress((root / "tests" / "golden" / "messages" / "messages.bin.gz").read_bytes())
at = data.index(b"\n") + 1
seen = {}
while at < len(data):
    length = data[at]
    name = data[at + 1:at + 1 + length].decode()
    version, form, _, size = struct.unpack_from(">hBII", data, at + 1 + length)
    at += 1 + length + 11
    seen[name, version, form] = data[at:at + size]  # the last, a random one
    at += size
for (name, version, form), message in seen.items():
    index, first = schemas[name]
    (folder / f"{name}-{version}-{form}").write_bytes(bytes([index, version - first]) + message)
(folder / "header").write_bytes(bytes([len(schemas), 0]) + bytes.fromhex("0003000900000007000261620101027879"))
(folder / "text").write_bytes(bytes([len(schemas) + 1, 3]) + b'{topics: [{topic: "a", partitions: [{partition: 1}]}]}')
