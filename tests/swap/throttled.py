"""throttled.py HOST:PORT CLIENT_ID BYTES: produce so many bytes of records in batches of 50 kB, one request at a time, and print
for how many milliseconds in all the answers had the client wait. Runs in the environment of tests/clients/confluent-kafka."""
import sys

from confluent_kafka import Producer

BATCH = 50000

address, client_id, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
waits, failures = [], []
producer = Producer({"bootstrap.servers": address, "client.id": client_id, "acks": "1", "max.in.flight": 1, "linger.ms": 0,
                     "throttle_cb": lambda event: waits.append(round(event.throttle_time * 1000))})
for number in range(size // BATCH):
    producer.produce("throttled", bytes(BATCH), partition=0,
                     on_delivery=lambda error, _message: error and failures.append(str(error)))
    if producer.flush(120):
        failures.append("not delivered in 120 s")
if failures:
    sys.exit(failures[0])
print(sum(waits))
