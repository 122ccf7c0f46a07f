"""A client under test: its adapter runs as a process, one JSON object a line each way. See README.md for the commands."""
import base64
import contextlib
import json
import os
import queue
import signal
import subprocess
import threading

COMMAND_TIMEOUT_S = 120


class Unsupported(Exception):
    """The client cannot do this, so the check is skipped."""


class ClientError(Exception):
    """The client says that a command failed."""


class Client:
    """One adapter process. A command is a method: client.create_topic(topic="t", partitions=1, configs={})."""

    def __init__(self, command, bootstrap, log):
        self.process = subprocess.Popen([*command, bootstrap], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=log, text=True, start_new_session=True)
        self.lines = queue.Queue()
        self.patience_s = COMMAND_TIMEOUT_S
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.kill()

    def kill(self):
        """SIGKILL: the client says goodbye to nobody."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # with the program that the adapter runs, if it is one
        self.process.wait()

    def has_ended(self):
        return self.process.poll() is not None

    def __getattr__(self, name):
        return lambda **fields: self.finish(self.begin(name, **fields))

    def begin(self, do, **fields):
        """Send a command and do not wait. finish() has its answer."""
        self.process.stdin.write(json.dumps({"do": do, **fields}) + "\n")
        self.process.stdin.flush()

    def answered(self):
        return not self.lines.empty()

    def finish(self, _begun=None, progress=lambda count: None):
        """The result of the command that was begun; `progress` is called with what the adapter reports on the way."""
        while True:
            answer = self._next()
            if "result" in answer:
                return answer["result"]
            progress(answer["progress"])

    def next_progress(self):
        """What the adapter reports next of the command under way, which is not to end by itself."""
        answer = self._next()
        if "progress" not in answer:
            raise ClientError(f"ended with {answer}")
        return answer["progress"]

    def _next(self):
        try:
            line = self.lines.get(timeout=self.patience_s)
        except queue.Empty:
            raise ClientError(f"no answer in {self.patience_s} s") from None
        if line is None:
            raise ClientError(f"the adapter ended with status {self.process.wait()}")
        answer = json.loads(line)
        if "unsupported" in answer:
            raise Unsupported(answer["unsupported"])
        if "error" in answer:
            raise ClientError(answer["error"])
        return answer

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)


def record(key=None, value=None, headers=()):
    """A record to produce; texts become bytes."""
    return {"key": to_base64(key), "value": to_base64(value),
            "headers": [[name, to_base64(content)] for name, content in headers]}


def to_base64(text):
    return None if text is None else base64.b64encode(text.encode()).decode()
