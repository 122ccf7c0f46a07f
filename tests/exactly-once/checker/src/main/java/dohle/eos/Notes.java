package dohle.eos;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.common.TopicPartition;

/**
 * What was begun and what was answered, a line each, in a file that outlives a kill of this process; history.py reads it.
 *
 *     send TXN INDEX TOPIC PARTITION      before it is sent
 *     acked TXN INDEX OFFSET
 *     commit TXN                          before the commit is asked for; a transaction without it must never be read
 *     committed TXN
 *
 * Beside, for readers in this process: which transactions may have been committed, and where those lie that are open.
 */
final class Notes {
    private final BufferedWriter file;
    private final Set<String> commits = ConcurrentHashMap.newKeySet();
    private final Map<String, Map<TopicPartition, Long>> open = new HashMap<>();

    Notes(Path path) throws IOException {
        file = Files.newBufferedWriter(path);
    }

    synchronized void send(String txn, int index, TopicPartition place) {
        write("send " + txn + " " + index + " " + place.topic() + " " + place.partition());
    }

    synchronized void acked(String txn, int index, TopicPartition place, long offset) {
        write("acked " + txn + " " + index + " " + offset);
        Map<TopicPartition, Long> places = open.get(txn);
        if (places != null) {
            places.merge(place, offset, Math::min);
        }
    }

    /** From now until closes() only its producer can end it. */
    synchronized void opens(String txn) {
        open.put(txn, new HashMap<>());
    }

    /** Its producer, the broker or another producer is about to end it. */
    synchronized void closes(String txn) {
        open.remove(txn);
    }

    void commit(String txn) {
        closes(txn);
        commits.add(txn);
        write("commit " + txn);
    }

    void committed(String txn) {
        write("committed " + txn);
    }

    boolean mayBeCommitted(String txn) {
        return commits.contains(txn);
    }

    /** Transactions that are open, and their first acknowledged offset of each partition. */
    synchronized Map<String, Map<TopicPartition, Long>> open() {
        Map<String, Map<TopicPartition, Long>> copy = new HashMap<>();
        open.forEach((txn, places) -> copy.put(txn, Map.copyOf(places)));
        return copy;
    }

    synchronized Set<String> openNames() {
        return new HashSet<>(open.keySet());
    }

    synchronized void write(String line) {
        try {
            file.write(line);
            file.newLine();
            file.flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
