"""kcat: every command is one run of the program. It has no calls to administer topics."""
import json
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import adapter

TIMEOUT_S = 30
SEPARATOR = "\x1f"  # between key and value; records are separated by line ends


class Kcat:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def kcat(self, *arguments, stdin=""):
        done = subprocess.run(["kcat", "-b", self.bootstrap, *map(str, arguments)], input=stdin, capture_output=True,
                              text=True, timeout=TIMEOUT_S)
        if done.returncode or "ERROR" in done.stderr:
            raise RuntimeError(done.stderr.strip())
        return done.stdout

    def create_topic(self, topic, partitions, configs):
        raise adapter.Unsupported("kcat does not administer topics")

    def list_offsets(self, topic, partition, at):
        query = {"earliest": -2, "latest": -1}.get(at, at)
        answer = self.kcat("-Q", "-t", f"{topic}:{partition}:{query}")
        return {"offset": int(re.search(r"offset (-?\d+)", answer).group(1))}

    def produce(self, topic, partition, codec, acks, idempotent, records):
        def shape(record):
            """What one run of kcat gives to all records that it reads."""
            return record["headers"], record["key"] is None, record["value"] is None

        for (headers, no_key, no_value), group in groupby(records, shape):
            if any(value is None for _name, value in headers):
                raise adapter.Unsupported("kcat sends no null header")
            options = ["-K", SEPARATOR] if not no_key else []
            options += ["-Z"] if no_value else []
            for name, value in headers:
                options += ["-H", f"{name}={value.decode()}"]
            lines = [("" if no_key else record["key"].decode() + SEPARATOR) + (record["value"] or b"").decode()
                     for record in group]
            self.kcat("-P", "-t", topic, "-p", partition, "-z", codec, "-X", f"acks={acks}", "-X",
                      f"enable.idempotence={str(idempotent).lower()}", "-X", "linger.ms=20", *options,
                      stdin="".join(line + "\n" for line in lines))

    def fetch(self, topic, partition, start, count):
        start = {"earliest": "beginning", "latest": "end"}.get(start, start)
        lines = self.kcat("-C", "-J", "-t", topic, "-p", partition, "-o", start, "-c", count).splitlines()
        return {"records": [self.record(json.loads(line)) for line in lines]}

    @staticmethod
    def record(message):
        def content(text):
            return None if text is None else text.encode()
        flat = message.get("headers", [])  # name, value, name, value
        headers = [(name, content(value)) for name, value in zip(flat[::2], flat[1::2])]
        return adapter.encode_record(message["offset"], message["ts"], content(message["key"]),
                                     content(message["payload"]), headers)


adapter.serve(Kcat(sys.argv[1]))
