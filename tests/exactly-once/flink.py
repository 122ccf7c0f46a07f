"""Flink, in one process, with its source and its exactly-once sink of Kafka: the process is killed and goes on with its
last checkpoint, the broker is killed; the copy has each record once."""
from contextlib import ExitStack

from application import Application
from applications import java
from checks import expect
from topics import Topics

RECORDS, PARTITIONS, PARTS = 3000, 2, 5
ENOUGH = 100  # records of a part, which has six times as many
# Flink's serialization reaches into the JDK.
FLAGS = ["--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.lang=ALL-UNNAMED"]


def check(make_broker, folder, seed, log, _kills):
    records = [[number % PARTITIONS, 0, None, f"value {number}"] for number in range(RECORDS)]
    parts = iter([records[part::PARTS] for part in range(PARTS)])
    with make_broker(folder / "broker") as broker, ExitStack() as stack:
        topics = Topics(broker, log)
        topics.create(**{"in": PARTITIONS, "out": PARTITIONS})
        command = java("flink", "dohle.eos.FlinkCopier", folder / "checkpoints", flags=FLAGS)
        application = Application(stack, broker, command, log)

        def write_part():
            topics.write("in", next(parts))
        write_part()
        topics.await_count("out", 1)  # it has a checkpoint
        application.await_work(write_part, ENOUGH)
        application.start_anew()
        copied = len(topics.read("out"))
        application.await_work(write_part, ENOUGH)
        topics.await_count("out", copied + 1)
        application.await_work(write_part, ENOUGH)
        broker.kill_and_start()
        write_part()
        topics.await_count("out", RECORDS)
        application.end()
        copies = sorted(value for *_place, value in topics.read("out"))
        expect(copies == sorted(value for *_place, value in records),
               f"{len(copies)} copies, {len(set(copies))} different")
    return f"{RECORDS} records"
