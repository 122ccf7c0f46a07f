#!/usr/bin/env python3
"""Write the batches of tests/golden/batches/produce.txt, and bombs, as seeds for fuzz_batch: seed_batch.py FOLDER."""
import gzip
import pathlib
import struct
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "batches" / "produce.txt"
batches = [line.split()[1] for line in golden.read_text().splitlines() if line.startswith("batch ")]
for number, batch in enumerate(batches):
    choices = bytes([number % 16, number % 6, 1])
    (folder / f"{number:03}").write_bytes(choices + (b"" if batch == "-" else bytes.fromhex(batch)))


def compressed_batch(codec, body):
    """A batch of one record, as far as its header tells. fuzz_batch puts length, magic and checksum right."""
    times = struct.pack(">qq", 1700000000000, 1700000000000)
    return struct.pack(">qiiBIhi", 0, 0, 0, 2, 0, codec, 0) + times + struct.pack(">qhii", -1, -1, -1, 1) + body


# A few KB that would be megabytes of zeros; zstd: blocks of one byte, repeated 128 KiB times each.
zeros = gzip.compress(bytes(3_500_000), 9)
zstd = bytes.fromhex("28b52ffd0038") + bytes.fromhex("02001000") * 900 + bytes.fromhex("03001000")
snappy = bytes.fromhex("82534e4150505900" "00000001" "00000001" "00000008" "ffffffff0f" "00" "00" "00")
bombs = {"gzip": (1, zeros), "snappy": (2, snappy), "zstd": (4, zstd)}
for name, (codec, body) in bombs.items():
    for again in range(6):  # kept as it is, or compressed anew in each codec
        (folder / f"bomb-{name}-{again}").write_bytes(bytes([0, again, 1]) + compressed_batch(codec, body))
