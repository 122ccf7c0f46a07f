"""Flink, in one process, with its source and its exactly-once sink of Kafka: the process is killed and goes on with its last checkpoint,
the broker is killed; the copy has each record once."""
from contextlib import ExitStack

from application import Application
from applications import java
from checks import expect
from topics import Topics

RECORDS, PARTITIONS = 3000, 2
# Flink's serialization reaches into the JDK.
FLAGS = ["--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED"]


def check(make_broker, folder, seed, log, _kills):
    records = [[number % PARTITIONS, 0, None, f"value {number}"] for number in range(RECORDS)]
    with make_broker(folder / "broker") as broker, ExitStack() as stack:
        topics = Topics(broker, log)
        topics.create(**{"in": PARTITIONS, "out": PARTITIONS})
        topics.write("in", records[::3])
        application = Application(stack, broker, java("flink", "dohle.eos.FlinkCopier", folder / "checkpoints", flags=FLAGS), log)
        topics.await_count("out", 1)
        topics.write("in", records[1::3])
        application.await_more(100)
        application.start_anew()
        topics.await_count("out", len(topics.read("out")) + 1)
        topics.write("in", records[2::3])
        application.await_more(100)
        broker.kill_and_start()
        topics.await_count("out", RECORDS)
        application.end()
        copies = sorted(value for *_place, value in topics.read("out"))
        expect(copies == sorted(value for *_place, value in records), f"{len(copies)} copies, {len(set(copies))} different")
    return f"{RECORDS} records"
