#!/usr/bin/env python3
"""Write the batches of tests/golden/batches/produce.txt as seeds for fuzz_batch: seed_batch.py FOLDER."""
import pathlib
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
golden = pathlib.Path(__file__).resolve().parent.parent / "golden" / "batches" / "produce.txt"
batches = [line.split()[1] for line in golden.read_text().splitlines() if line.startswith("batch ")]
for number, batch in enumerate(batches):
    choices = bytes([number % 16, number % 6, 1])
    (folder / f"{number:03}").write_bytes(choices + (b"" if batch == "-" else bytes.fromhex(batch)))
