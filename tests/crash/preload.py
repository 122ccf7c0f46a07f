"""Libraries in front of the system's calls of the broker, made from the C files beside this one."""
import os
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
EIO, ENOSPC = 5, 28
GROWS = "open,pwrite,mkdir"  # calls that need space


def missing():
    """Why there can be no such libraries here, or None."""
    return None if sys.platform == "linux" else "calls are put in front of the system's on Linux only"


def library(folder, name):
    """Compile NAME.c into `folder`, once."""
    made = Path(folder) / f"{name}.so"
    if not made.exists():
        compiler = os.environ.get("CC", "cc").split()
        subprocess.run([*compiler, "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", made, HERE / f"{name}.c", "-ldl"], check=True)
    return str(made)


class Disk:
    """A disk that gets into trouble when a check says so (faults.c). `folder` holds the rules and the library."""

    def __init__(self, folder):
        self.rules = Path(folder) / "faults.txt"
        self.library = library(folder, "faults")
        self.well()

    def environment(self):
        return {"FAULTS": str(self.rules), "LD_PRELOAD": self.library}

    def fails(self, error, calls, part="/data/"):
        """From now on these calls on paths that contain `part` fail."""
        self._set(f"{error} {calls} {part}\n")

    def full(self, part="/data/"):
        self.fails(ENOSPC, GROWS, part)

    def well(self):
        self._set("")

    def _set(self, text):
        new = self.rules.with_suffix(".new")
        new.write_text(text)
        new.rename(self.rules)


class Clock:
    """A wall clock that a check sets (clock.c)."""

    def __init__(self, folder):
        self.offset = Path(folder) / "clock.bin"
        self.library = library(folder, "clock")
        self.set(0)

    def environment(self):
        return {"CLOCK": str(self.offset), "LD_PRELOAD": self.library}

    def set(self, seconds):
        """So many seconds away from the system's clock. In place: the broker has the file mapped."""
        with open(self.offset, "r+b" if self.offset.exists() else "wb") as file:
            file.write(struct.pack("q", int(seconds * 1000)))
