#!/usr/bin/env python3
"""Write inputs for fuzz_recovery: seed_recovery.py FOLDER. Folders as a broker, a crash and a deletion leave them."""
import pathlib
import struct
import sys

RAW, BATCHES, MADE = 0, 1, 2
LOG, INDEX, TIMEINDEX, TXNINDEX, SNAPSHOT = range(5)
NONE, DELETED, CLEANED, SWAP, TMP = range(5)
EPOCHS, METADATA, RECOVERY, WATERMARK, START, CLEANER = range(6)
OFFSETS = [0, 3, 4, 8, 100, 1 << 31, (1 << 63) - (1 << 32)]


def file(offset, kind, how, content, suffix=NONE):
    """A file of the segment at `offset`."""
    name = OFFSETS.index(offset) * 4 + (2 if suffix else 0)
    return bytes([name, kind + 5 * suffix, how]) + struct.pack(">H", len(content)) + content


def other(which, text):
    return bytes([which * 4 + 3, RAW]) + struct.pack(">H", len(text)) + text.encode()


plain, producer, transaction = 0, 4, 4 + 16
sealed = file(0, LOG, MADE, bytes([plain, producer, transaction]) + bytes([1]))
active = file(4, LOG, MADE, bytes([32, 32, 36]))
indexes = file(0, INDEX, RAW, struct.pack(">ii", 2, 146)) + file(0, TIMEINDEX, RAW, struct.pack(">qi", 1700000000004, 2))
checkpoints = other(EPOCHS, "0\n1\n0 0\n") + other(RECOVERY, "0\n1\nt 0 4\n") + other(START, "0\n1\nt 0 1\n")
metadata = other(METADATA, "version: 0\ntopic_id: AQIDBAUGBwgJCgsMDQ4PEA")
folders = {
    "empty": b"",
    "one": sealed,
    "two": sealed + active,
    "indexed": sealed + indexes + active + checkpoints + metadata,
    "deleted": sealed[:1] + bytes([LOG + 5 * DELETED]) + sealed[2:] + active + checkpoints,
    "swap": file(0, LOG, MADE, bytes(3), SWAP) + sealed + file(3, LOG, MADE, bytes(2)) + active,
    "hollow-swap": sealed + file(4, LOG, RAW, b"g" * 43, SWAP) + active,
    "cleaned": file(0, LOG, MADE, bytes(3), CLEANED) + sealed + indexes,
    "garbage": sealed + file(4, LOG, RAW, b"g" * 200) + checkpoints,
    "zeros": sealed + file(4, LOG, BATCHES, bytes(200)) + file(4, SNAPSHOT, RAW, bytes(60)),
    "beyond": sealed + other(START, "0\n1\nt 0 100\n"),
    "far": sealed + file(1 << 31, LOG, MADE, bytes([0, 1])) + file((1 << 63) - (1 << 32), LOG, MADE, bytes([0])),
    "stray-indexes": file(8, INDEX, RAW, bytes(8)) + file(8, TXNINDEX, RAW, bytes(34)) + sealed,
}
folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, files in folders.items():
    for settings in (0, 8, 1 + 4, 2):
        (folder / f"{name}-{settings}").write_bytes(bytes([settings, 0, 0]) + files)
        (folder / f"{name}-{settings}-fault").write_bytes(bytes([settings, 16, 5 + settings]) + files)
