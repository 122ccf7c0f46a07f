"""A program of a check that talks to nobody: it runs until it is stopped or killed."""
import signal
import subprocess

from brokers import PATIENCE_S
from checks import expect


class Process:
    def __init__(self, command, log):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def check(self):
        """It runs."""
        expect(self.process.poll() is None, f"{self.command[-1]} ended with status {self.process.returncode}")

    def stop(self):
        self.check()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)

    def kill(self):
        self.process.kill()
        self.process.wait()
