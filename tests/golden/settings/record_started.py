#!/usr/bin/env python3
"""Print with which values Apache Kafka starts, of settings that it reads without a word and may fail over later: started.txt.

Each line is a start of its own; a broker that is not ready in time for a client counts as refused."""
import os
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "kafka"))
from apache_kafka import SINGLE_NODE, Installation, KafkaError, Server  # noqa: E402

READY_S = 60

# NAME=VALUE, several with a blank between; FOLDER is the broker's.
CASES = """
advertised.listeners=PLAINTEXT://a:-1
advertised.listeners=PLAINTEXT://a:65536
connections.max.idle.ms=101
default.replication.factor=-5
default.replication.factor=0
fetch.max.bytes=1024
group.initial.rebalance.delay.ms=-1
group.min.session.timeout.ms=-1
internal.metadata.log.segment.bytes=1
log.cleaner.dedupe.buffer.size=1048577
log.cleaner.io.buffer.load.factor=-1
log.cleaner.io.buffer.load.factor=0
log.cleaner.io.buffer.load.factor=100000
log.cleaner.io.buffer.size=0
log.cleaner.io.max.bytes.per.second=-1
log.cleaner.io.max.bytes.per.second=0
log.cleanup.policy=
log.dirs=FOLDER/x,FOLDER/x
log.dirs=FOLDER/x,FOLDER/x/
log.flush.interval.ms=-1
log.flush.offset.checkpoint.interval.ms=0
log.flush.scheduler.interval.ms=-1
log.flush.scheduler.interval.ms=0
log.flush.start.offset.checkpoint.interval.ms=0
log.index.size.max.bytes=4
log.initial.task.delay.ms=0
log.initial.task.delay.ms=9223372036854775807
log.retention.bytes=-2
log.retention.hours=2147483647
log.retention.minutes=2147483647
log.roll.hours=2147483647
log.roll.jitter.hours=2147483647
log.segment.bytes=1048576
max.connections.per.ip.overrides=127.0.0.1:5 max.connections.per.ip=0
max.request.partition.size.limit=1
message.max.bytes=0
metadata.log.segment.bytes=8388608
metadata.log.segment.ms=-1
metadata.log.segment.ms=0
metadata.log.segment.ms=1
metadata.max.retention.bytes=-2
metadata.max.retention.bytes=0
metadata.max.retention.ms=-2
metadata.max.retention.ms=0
metrics.recording.level=
metrics.recording.level=debug
metrics.recording.level=x
num.partitions=2147483647
offset.metadata.max.bytes=-1
offsets.topic.segment.bytes=1
queued.max.request.bytes=-2
queued.max.request.bytes=0
quota.window.size.seconds=2147483647
replica.high.watermark.checkpoint.interval.ms=-1
replica.high.watermark.checkpoint.interval.ms=0
socket.listen.backlog.size=2147483647
socket.receive.buffer.bytes=-1
socket.receive.buffer.bytes=-2
socket.receive.buffer.bytes=0
socket.receive.buffer.bytes=1
socket.send.buffer.bytes=-1
socket.send.buffer.bytes=-2
socket.send.buffer.bytes=0
socket.send.buffer.bytes=1
telemetry.max.bytes=1
transaction.state.log.segment.bytes=1
"""


def verdict(installation, case):
    folder = Path(tempfile.mkdtemp())
    server = Server(folder, installation)
    try:
        server.launch(options=case.replace("FOLDER", str(folder)).split(), wait_s=READY_S)
        return "accepted"
    except KafkaError as error:
        print(f"{case}: {error}", file=sys.stderr)
        return "refused"
    finally:
        server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    installation = Installation()
    installation.fetch()
    base = SINGLE_NODE | {"listeners": "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
                          "controller.quorum.bootstrap.servers": "localhost:9093", "log.dirs": "FOLDER"}
    for name, value in base.items():
        print(f"base {name}={value}")
    cases = CASES.split("\n")[1:-1]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for case, said in zip(cases, pool.map(lambda case: verdict(installation, case), cases)):
            print(said, case.replace(" ", "\t"), flush=True)


if __name__ == "__main__":
    main()
