"""Kafka Streams, exactly_once_v2: words are counted in all and by minute, with state in changelog topics, while the
application and the broker are killed. The counts of a word are 1, 2, 3 ... and end where the input says."""
import random
import shutil
import time
from collections import Counter, defaultdict
from contextlib import ExitStack

from application import Application
from applications import java
from checks import expect
from topics import Topics

LINES, WORDS_A_LINE, VOCABULARY = 500, 3, 20
PARTS = 5
ENOUGH = 100  # words of a part, which has three times as many
MINUTE_MS = 60_000
LINE_MS = 700  # between two lines, by their timestamps


def check(make_broker, folder, seed, log, _kills):
    chance = random.Random(seed)
    begin = int(time.time() * 1000) // MINUTE_MS * MINUTE_MS - 60 * MINUTE_MS
    lines = [[number % 2, begin + number * LINE_MS, None,
              " ".join(f"w{chance.randrange(VOCABULARY)}" for _ in range(WORDS_A_LINE))] for number in range(LINES)]
    parts = iter([lines[part::PARTS] for part in range(PARTS)])
    with make_broker(folder / "broker") as broker, ExitStack() as stack:
        topics = Topics(broker, log)
        topics.create(words=2, counts=2, windows=2)
        application = Application(stack, broker, java("streams", "dohle.eos.WordCount", folder / "state"), log)

        def write_part():
            topics.write("words", next(parts))
        application.await_work(write_part, ENOUGH)
        application.start_anew()  # with its state folder, and its transactional id
        application.await_work(write_part, ENOUGH)
        application.await_work(write_part, ENOUGH)
        broker.kill_and_start()
        application.await_work(write_part, ENOUGH)
        application.client.kill()
        shutil.rmtree(folder / "state")  # it comes back with what the changelogs have
        write_part()
        application.start()
        for topic in ("counts", "windows"):
            topics.await_count(topic, LINES * WORDS_A_LINE)
        application.end()
        verify(lines, topics.read("counts", "windows"))
    return f"{LINES * WORDS_A_LINE} words"


def verify(lines, records):
    wanted = {"counts": Counter(), "windows": Counter()}
    for _partition, timestamp, _key, line in lines:
        for word in line.split():
            wanted["counts"][word] += 1
            wanted["windows"][f"{word}@{timestamp // MINUTE_MS * MINUTE_MS}"] += 1
    found = {"counts": defaultdict(list), "windows": defaultdict(list)}
    for topic, _partition, _offset, key, value in records:
        found[topic][key].append(int(value))
    for topic, counts in wanted.items():
        expect(found[topic].keys() == counts.keys(), f"{topic}: {sorted(found[topic].keys() ^ counts.keys())}")
        for key, count in counts.items():
            expect(found[topic][key] == list(range(1, count + 1)),
                   f"{topic}: {key} has {found[topic][key]}, not 1 to {count}")
