"""A dohle process as tests see it: start it, learn its address, stop or kill it. The same calls as apache_kafka.Server."""
import os
import resource
import selectors
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = ROOT / "build" / "release" / "bin" / "dohle"
READY = "dohle ready on "


class DohleError(Exception):
    """dohle did not start or did not stop."""


class Dohle:
    """The broker of one folder: its log is folder/dohle.log; its data folder/data, or with `ephemeral` none that stays, or
    with several `log_dirs` folder/data-0 and so on.
    It may open `descriptors` files, or as many as we; it gets `environment` beside ours, and runs as `user` if that is a
    number. `prefix` is a command that runs it."""

    def __init__(self, folder, binary=BINARY, ephemeral=False, descriptors=None, environment=None, log_dirs=1, user=None):
        self.folder = Path(folder).resolve()
        self.data = self.folder / "data"
        self.binary = binary
        self.ephemeral = ephemeral
        self.log_dirs = log_dirs
        self.descriptors = descriptors
        self.environment = environment or {}
        self.user = user
        self.prefix = []
        self.process = None
        self._address = None

    def address(self):
        """HOST:PORT; the same after a restart."""
        return self._address

    def command(self, options=()):
        """What start() runs."""
        where = ["--ephemeral"] if self.ephemeral else ["--data", str(self.data)]
        if any(option.startswith("log.dirs=") for option in options):
            where = []
        if self.log_dirs > 1:
            where = ["--override", "log.dirs=" + ",".join(f"{self.data}-{number}" for number in range(self.log_dirs))]
        port = self._address.rsplit(":", 1)[1] if self._address else "0"
        command = [*self.prefix, str(self.binary), "--port", port, *where]
        for option in options:
            command += ["--override", option]
        return command

    def start(self, options=(), wait_s=60):
        """Start and wait for the ready line. options: "key=value" texts. Returns the seconds that it took."""
        command = self.command(options)
        self.folder.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        with open(self.folder / "dohle.log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                            env={**os.environ, **self.environment}, preexec_fn=self._prepare)
        line = self._first_line(wait_s)
        if not line.startswith(READY):
            self.kill()
            raise DohleError(f"not ready: {line!r}{self._log_tail()}")
        self._address = line[len(READY):].strip()
        return time.monotonic() - began

    def _prepare(self):
        if self.descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.descriptors, self.descriptors))
        if self.user is not None:
            os.setgroups([])
            os.setgid(self.user)
            os.setuid(self.user)

    def pid(self):
        return self.process.pid if self.process and self.process.poll() is None else None

    def stop(self, wait_s=60):
        """SIGTERM; DohleError unless it exits with status 0 in time."""
        if self.process:
            self.process.terminate()
            try:
                status = self.process.wait(wait_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise DohleError(f"did not stop in {wait_s} s{self._log_tail()}") from None
            self._ended()
            if status:
                raise DohleError(f"stopped with status {status}{self._log_tail()}")

    def kill(self):
        """SIGKILL: a crash of the process."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self._ended()

    def _ended(self):
        self.process.stdout.close()
        self.process = None

    def _first_line(self, wait_s):
        """What it prints first on standard output; empty when it ends or stays silent."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            return self.process.stdout.readline().decode() if selector.select(wait_s) else ""

    def _log_tail(self):
        return "\n" + "".join((self.folder / "dohle.log").read_text(errors="replace").splitlines(True)[-15:])
