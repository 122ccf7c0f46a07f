"""NOTES SEED ID BOOTSTRAP: a writer and a copier of the checker in librdkafka, as those of Java: notes, progress,
"drain" and "end"."""
import json
import random
import select
import sys
import threading
import time
import traceback

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

PATIENCE_S = 120
PAUSE_S = 0.02  # between transactions at most: many at once are wanted, not many a second
PARTITIONS = {"a": 3, "b": 2}
GROUP = "copiers"
# Started anew its producer asks a coordinator that it has given up, and waits (2.16.1), so it is not to "rebootstrap".
QUICK = {"metadata.recovery.strategy": "none",
         "reconnect.backoff.ms": 10, "reconnect.backoff.max.ms": 100,
         "retry.backoff.ms": 10, "retry.backoff.max.ms": 100,
         "topic.metadata.refresh.fast.interval.ms": 20, "socket.timeout.ms": 60000}


class Notes:
    def __init__(self, path):
        self.file = open(path, "w", buffering=1)
        self.lock = threading.Lock()

    def __call__(self, *words):
        with self.lock:
            self.file.write(" ".join(map(str, words)) + "\n")


class Worker(threading.Thread):
    def __init__(self, name, bootstrap, notes, seed):
        super().__init__(name=name, daemon=True)
        self.bootstrap, self.notes, self.random = bootstrap, notes, random.Random(seed)
        self.born = time.time_ns()  # transactions of an earlier process have other names
        self.transactions = self.done = 0
        self.ending, self.failure = False, None

    def run(self):
        try:
            self.producer = self.new_producer()
            while not self.ending:
                try:
                    self.step()
                except KafkaException as error:
                    self.recover(error.args[0])
            self.close()
        except Exception as failure:
            traceback.print_exc()
            self.failure = failure

    def new_producer(self):
        producer = Producer({"bootstrap.servers": self.bootstrap, **QUICK, "transactional.id": self.name,
                             "transaction.timeout.ms": PATIENCE_S * 1000, "linger.ms": self.random.randrange(3),
                             "message.timeout.ms": PATIENCE_S * 1000})
        retried(producer.init_transactions)
        return producer

    def recover(self, error):
        self.notes("anew", self.name, error.name())
        print(f"{self.name} recovers from {error}", file=sys.stderr)
        if error.txn_requires_abort():
            retried(self.producer.abort_transaction)
        else:  # a new producer of the id ends what the old one left
            self.producer.purge()
            self.producer = self.new_producer()
        self.started_anew()

    def started_anew(self):
        pass

    def close(self):
        pass

    def new_transaction(self):
        self.transactions += 1
        return f"{self.name}-{self.born}{self.transactions:07}"

    def send(self, txn, index, topic, partition, what):
        self.notes("send", txn, index, topic, partition)

        def told(error, message):
            if not error:
                self.notes("acked", txn, index, message.offset())
        self.producer.produce(topic, f"{txn} {index} {what}", partition=partition, on_delivery=told)

    def commit(self, txn):
        self.notes("commit", txn)
        retried(self.producer.commit_transaction)
        self.notes("committed", txn)
        self.done += 1

    def abort(self):
        retried(self.producer.abort_transaction)
        self.done += 1


class Writer(Worker):
    def step(self):
        time.sleep(self.random.random() * PAUSE_S)
        txn = self.new_transaction()
        self.producer.begin_transaction()
        for index in range(self.random.randrange(1, 9)):
            topic = self.random.choice("ab")
            self.send(txn, index, topic, self.random.randrange(PARTITIONS[topic]), "-")
            if self.random.randrange(12) == 0:
                self.producer.flush()
        if self.random.randrange(5):
            self.commit(txn)
        else:
            self.abort()


class Copier(Worker):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.new_consumer()

    def new_consumer(self):
        self.consumer = Consumer({"bootstrap.servers": self.bootstrap, **QUICK, "group.id": GROUP,
                                  "group.instance.id": self.name, "isolation.level": "read_committed",
                                  "enable.auto.commit": False, "fetch.wait.max.ms": 50, "auto.offset.reset": "earliest",
                                  "session.timeout.ms": PATIENCE_S * 1000})
        self.consumer.subscribe(["a"])

    def step(self):
        messages = self.consumer.consume(20, 0.05)
        if any(message.error() and message.error().code() == KafkaError._FATAL for message in messages):
            self.new_consumer()  # a join whose answer was lost has fenced it
            return
        messages = [message for message in messages if not message.error()]
        if not messages:
            return
        txn = self.new_transaction()
        self.producer.begin_transaction()
        for index, message in enumerate(messages):
            self.send(txn, index, "c", message.partition(), f"{message.offset()} {message.value().decode()}")
        offsets = {message.partition(): message.offset() + 1 for message in messages}
        offsets = [TopicPartition("a", partition, offset) for partition, offset in offsets.items()]
        group = self.consumer.consumer_group_metadata()
        retried(lambda s: self.producer.send_offsets_to_transaction(offsets, group, s))
        if self.random.randrange(5):
            self.commit(txn)
        else:
            self.abort()
            self.started_anew()

    def started_anew(self):
        """Read again from what is committed."""
        committed = retried(lambda s: self.consumer.committed(self.consumer.assignment(), timeout=s), any_error=True)
        for place in committed:
            self.consumer.seek(TopicPartition("a", place.partition, max(place.offset, 0)))

    def close(self):
        self.consumer.close()


def retried(call, any_error=False):
    """A call that librdkafka says can be repeated, or that changes nothing."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call(PATIENCE_S)
        except KafkaException as error:
            if not (any_error or error.args[0].retriable()) or time.monotonic() > until:
                raise


def work(path, seed, name, bootstrap):
    notes = Notes(path)
    writer, copier = Writer(f"{name}-w", bootstrap, notes, seed), Copier(f"{name}-c", bootstrap, notes, seed + "c")
    for worker in (writer, copier):
        worker.start()
    said = None
    while True:
        progress = {"done": {worker.name: worker.done for worker in (writer, copier)},
                    "written": not writer.is_alive()}
        if progress != said:
            said = progress
            print(json.dumps({"progress": progress}), flush=True)
        for worker in (writer, copier):
            if worker.failure:
                print(json.dumps({"error": f"{worker.name}: {worker.failure}"}), flush=True)
                return
        line = sys.stdin.readline() if select.select([sys.stdin], [], [], 0.005)[0] else ""
        writer.ending = writer.ending or bool(line)
        if "end" in line:
            break
    copier.ending = True
    copier.join(PATIENCE_S)
    ended = not copier.is_alive() and not copier.failure
    print(json.dumps({"result": {}} if ended else {"error": f"{copier.name} does not end"}), flush=True)


work(*sys.argv[1:])
