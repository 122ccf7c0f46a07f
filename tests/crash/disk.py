"""A disk that gets into trouble when a check says so: faults.c in front of the system's calls."""
import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "faults.c"
EIO, ENOSPC = 5, 28
GROWS = "open,pwrite,mkdir"  # calls that need space


class Disk:
    """For one process at a time; `folder` holds the rules and the library."""

    def __init__(self, folder):
        self.rules = Path(folder) / "faults.txt"
        self.library = Path(folder) / "faults.so"
        self.well()
        if not self.library.exists():
            compiler = os.environ.get("CC", "cc").split()
            subprocess.run([*compiler, "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", self.library, SOURCE, "-ldl"], check=True)

    @staticmethod
    def missing():
        """Why there cannot be such a disk here, or None."""
        return None if sys.platform == "linux" else "calls are put in front of the system's on Linux only"

    def environment(self):
        return {"FAULTS": str(self.rules), "LD_PRELOAD": str(self.library)}

    def fails(self, error, calls, part="/data/"):
        """From now on these calls on paths that contain `part` fail."""
        new = self.rules.with_suffix(".new")
        new.write_text(f"{error} {calls} {part}\n")
        new.rename(self.rules)

    def full(self, part="/data/"):
        self.fails(ENOSPC, GROWS, part)

    def well(self):
        new = self.rules.with_suffix(".new")
        new.write_text("")
        new.rename(self.rules)
