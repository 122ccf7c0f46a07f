#!/usr/bin/env python3
"""Write properties files as seeds for fuzz_config: seed_config.py FOLDER. One per setting of docs/configuration.md."""
import pathlib
import re
import sys

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
root = pathlib.Path(__file__).resolve().parents[2]
rows = re.findall(r"^\| `([^`]+)`[^|]*\| \w+ \| `?([^`|]*)`? \|", (root / "docs" / "configuration.md").read_text(), re.M)
for number, (name, default) in enumerate(rows):
    (folder / f"{number:03}").write_text(f"{name}={default.strip()}\n")
(folder / "file").write_text((root / "conf" / "server.properties").read_text())
(folder / "syntax").write_text("a\\u0041 = b\\\n   c\n! x\nlisteners:A://[::1]:1,\\\n B://h:2\n")
