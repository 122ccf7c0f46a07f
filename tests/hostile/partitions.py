"""Check: 10,000 partitions in a process that may open 256 files."""
from peers import expect
from process import MIB, Process
from wire import Peer, batch, create, fetch, fetched, produce, produce_errors

DESCRIPTORS, TOPICS, PARTITIONS, AT_ONCE = 256, 10, 1000, 250
STOP_S = 300  # a net: the stop syncs some files of each partition


def runs():
    for topic in range(TOPICS):
        for first in range(0, PARTITIONS, AT_ONCE):
            yield f"topic-{topic}", list(range(first, first + AT_ONCE))


def check(new):
    """Create, produce to each, stop, start, fetch from each; then the same over a kill."""
    dohle = new(descriptors=DESCRIPTORS)
    dohle.start()
    for topic in range(TOPICS):  # one request may not make them all
        create(dohle.address(), [f"topic-{topic}"], PARTITIONS)
    records = batch(b"kept")
    peer = Peer(dohle.address())
    for topic, partitions in runs():
        errors = produce_errors(peer.ask(produce(topic, partitions, records)))
        expect(errors == dict.fromkeys(partitions, 0), f"{topic}: {errors}")
    peer.close()
    told = [f"written {memory(dohle)}"]
    for name, end in (("stop", lambda: dohle.stop(STOP_S)), ("kill", dohle.kill)):
        end()
        took = dohle.start()
        told.append(f"{name}: start in {took:.2f} s, {memory(dohle)}")
        peer = Peer(dohle.address())
        for topic, partitions in runs():
            found = fetched(peer.ask(fetch(topic, partitions)))
            expect(all(b"kept" in found[partition] for partition in partitions), f"{topic}: {found}")
        peer.close()
        told.append(f"read {memory(dohle)}")
    dohle.stop(STOP_S)
    return ", ".join(told)


def memory(dohle):
    bytes_used = Process(dohle.pid()).memory()
    return "" if bytes_used is None else f"{bytes_used / MIB:.0f} MB"
