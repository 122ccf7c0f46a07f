"""Is what was read what was noted? The rules of transactions, over the notes of all workers (Notes.java has their form)
and a reading: {(topic, partition): [(offset, value)]}. A value is "TXN INDEX WHAT", TXN is "PRODUCER-NUMBER"; what a
copier wrote to topic c is "OFFSET VALUE" of the record of topic a, in the partition of the same number."""
from collections import defaultdict


class Transaction:
    def __init__(self):
        self.sent, self.acked = {}, {}  # index: place, index: offset
        self.commit_begun = self.committed = False


def read_notes(paths):
    """Transactions by name. The last line of a killed process may be torn: it is no note."""
    transactions = defaultdict(Transaction)
    for path in paths:
        for line in path.read_text().splitlines(True):
            if not line.endswith("\n"):
                continue
            what, name, *words = line.split()
            if what == "send":
                transactions[name].sent[int(words[0])] = words[1], int(words[2])
            elif what == "acked":
                transactions[name].acked[int(words[0])] = int(words[1])
            elif what == "commit":
                transactions[name].commit_begun = True
            elif what == "committed":
                transactions[name].committed = True
    return transactions


def by_place(records):
    """A reading of records as records.py gives them."""
    places = defaultdict(list)
    for topic, partition, offset, _key, value in records:
        places[topic, partition].append((offset, value))
    return places


def read_live(path):
    """What the reader of Java noted."""
    lines = (line.split(" ", 3) for line in path.read_text().splitlines())
    return by_place([topic, int(partition), int(offset), None, value] for topic, partition, offset, value in lines)


def split(value):
    """Transaction and index."""
    name, index, _what = value.split(" ", 2)
    return name, int(index)


def violations(transactions, reading):
    """In words, each."""
    seen = defaultdict(dict)
    for place, records in reading.items():
        yield from of_partition(place, records, transactions, seen)
    for name, transaction in transactions.items():
        yield from of_transaction(name, transaction, seen.get(name, {}))
    yield from of_copies(reading)


def of_partition(place, records, transactions, seen):
    offset_before, before = -1, {}
    for offset, value in records:
        name, index = split(value)
        if offset <= offset_before:
            yield f"{place}: offset {offset} after {offset_before}"
        if name not in transactions or transactions[name].sent.get(index) != place:
            yield f"{place} {offset}: nobody sent {value!r}"
        if index in seen[name]:
            yield f"{place} {offset}: {value!r} is there twice"
        producer, number = name.rsplit("-", 1)
        if (int(number), index) <= before.get(producer, (-1, -1)):
            yield f"{place} {offset}: {value!r} comes after {before[producer]}"
        before[producer] = int(number), index
        seen[name][index] = offset
        offset_before = offset


def of_transaction(name, transaction, seen):
    if seen and not transaction.commit_begun:
        yield f"{name} was never committed, but {seen} are read"
    if seen and len(seen) != len(transaction.sent):
        yield f"{name} is torn: {sorted(seen)} of {sorted(transaction.sent)} are read"
    if transaction.committed and len(seen) != len(transaction.sent):
        lost = {index: (*place, transaction.acked.get(index)) for index, place in transaction.sent.items()
                if index not in seen}
        yield f"{name} is committed, but these are not read (topic, partition, acknowledged offset): {lost}"
    for index, offset in transaction.acked.items():
        if seen.get(index, offset) != offset:
            yield f"{name} {index} was acknowledged at {offset}, and is at {seen[index]}"


def of_copies(reading):
    """Offsets are committed with the records or not at all: so each record is copied once, in order."""
    for topic, partition in sorted(reading):
        if topic != "a":
            continue
        copies = []
        for _offset, value in reading["c", partition]:
            _name, _index, offset, original = value.split(" ", 3)
            copies.append((int(offset), original))
        for number, (original, copy) in enumerate(zip(reading[topic, partition], copies)):
            if original != copy:
                yield f"copy {number} of partition {partition} is {copy}, not {original}"
                break
        else:
            if len(copies) != len(reading[topic, partition]):
                yield f"partition {partition}: {len(copies)} copies of {len(reading[topic, partition])}"
