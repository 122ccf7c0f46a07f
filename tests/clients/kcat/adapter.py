"""kcat: every command is one run of the program. It has no calls to administer topics."""
import json
import queue
import re
import subprocess
import sys
import threading
import time
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import adapter

TIMEOUT_S = 30
SEPARATOR = "\x1f"  # between key and value; records are separated by line ends


class Kcat(adapter.GroupMember):
    def __init__(self, bootstrap):
        super().__init__()
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
            self.kcat("-P", "-t", topic, "-p", -1 if partition is None else partition, "-z", codec, "-X", f"acks={acks}",
                      "-X", f"enable.idempotence={str(idempotent).lower()}", "-X", "linger.ms=20", "-X",
                      f"message.max.bytes={adapter.MAX_MESSAGE_BYTES}", *options,
                      stdin="".join(line + "\n" for line in lines))
        return {"hash": "crc32"}

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

    def group_join(self, group, topic, instance, assignor, session_ms):
        if assignor == "sticky":
            raise adapter.Unsupported("librdkafka has no eager sticky assignor")
        options = [f"session.timeout.ms={session_ms}", f"heartbeat.interval.ms={adapter.HEARTBEAT_MS}",
                   "auto.offset.reset=earliest"]
        options += [f"group.instance.id={instance}"] if instance else []
        options += [f"partition.assignment.strategy={assignor}"] if assignor else []
        self.joined(topic)
        self.records, self.assigned = queue.Queue(), []
        self.member = subprocess.Popen(
            ["kcat", "-b", self.bootstrap, "-u", *(word for option in options for word in ("-X", option)),
             "-f", "%p %o %s\n", "-G", group, topic],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read_records, args=(self.member,), daemon=True).start()
        threading.Thread(target=self._read_events, args=(self.member,), daemon=True).start()

    def _read_records(self, member):
        for line in member.stdout:
            partition, offset, value = line.rstrip("\n").split(" ", 2)
            self.records.put((int(partition), int(offset), value.encode()))

    def _read_events(self, member):
        """What kcat tells of rebalances."""
        for line in member.stderr:
            if " rebalanced" in line:
                given = [int(number) for number in re.findall(r"\[(\d+)\]", line.split("): ", 1)[1])]
                if "revoked" in line or "unassign" in line:
                    self.was_revoked(len(given))
                    self.assigned = [number for number in self.assigned if number not in given]
                else:
                    self.was_assigned()
                    self.assigned = sorted({*self.assigned, *given})

    def group_poll(self, ms):
        time.sleep(ms / 1000)
        if self.member.poll() is not None:
            raise RuntimeError(f"kcat ended with status {self.member.returncode}")
        records = [self.records.get() for _ in range(self.records.qsize())]
        return self.polled(records, self.assigned)

    def group_commit(self, how):
        raise adapter.Unsupported("kcat commits by itself and does not tell when")

    def group_leave(self):
        self.member.terminate()
        self.member.wait()


adapter.serve(Kcat(sys.argv[1]))
