"""What the system says of a process, and of this one. Without /proc (not Linux) nothing is measured: None."""
import os
import resource
from pathlib import Path

MIB = 1 << 20


def raise_descriptor_limit():
    """Raise our soft limit to the hard one, which children inherit. Returns it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = 65536 if hard == resource.RLIM_INFINITY else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


class Process:
    def __init__(self, pid):
        self.folder = Path("/proc") / str(pid)
        self.measured = (self.folder / "status").exists()

    def _status_bytes(self, name):
        if not self.measured:
            return None
        for line in (self.folder / "status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        return None

    def memory(self):
        return self._status_bytes("VmRSS")

    def peak(self):
        return self._status_bytes("VmHWM")

    def reset_peak(self):
        if self.measured:
            (self.folder / "clear_refs").write_text("5")

    def cpu_s(self):
        if not self.measured:
            return None
        fields = (self.folder / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def files(self):
        """Open descriptors that are no sockets."""
        return sum(not _link(path).startswith("socket:") for path in (self.folder / "fd").iterdir()) if self.measured else None

    def sockets(self):
        return sum(_link(path).startswith("socket:") for path in (self.folder / "fd").iterdir()) if self.measured else None


def _link(path):
    try:
        return os.readlink(path)
    except FileNotFoundError:  # closed since it was listed
        return ""
