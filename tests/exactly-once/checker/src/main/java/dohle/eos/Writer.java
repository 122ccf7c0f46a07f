package dohle.eos;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.TopicPartition;

/** Transactions of a few records over two topics. Most are committed, some aborted, some ended by a second producer of the id. */
final class Writer extends Worker {
    private static final int RECORDS_MAX = 8;
    /** Between transactions at most: many at once are wanted, not many a second. */
    private static final int PAUSE_MS = 20;

    private final List<TopicPartition> places = new ArrayList<>();

    Writer(String id, String bootstrap, Notes notes, long seed) {
        super(id, bootstrap, notes, seed);
        places.addAll(places("a", Workers.A_PARTITIONS));
        places.addAll(places("b", Workers.B_PARTITIONS));
    }

    @Override
    void step() throws InterruptedException {
        Thread.sleep(random.nextInt(PAUSE_MS));
        String txn = newTransaction();
        int kind = random.nextInt(100);
        if (kind >= 4) {
            notes.opens(txn);
        }
        producer.beginTransaction();
        int count = 1 + random.nextInt(RECORDS_MAX);
        for (int index = 0; index < count; index++) {
            send(txn, index, places.get(random.nextInt(places.size())), "-");
            if (random.nextInt(12) == 0) {
                producer.flush();
            }
        }
        if (kind < 4) {
            producer.flush();
            KafkaProducer<String, String> old = producer;
            producer = newProducer();
            mustBeRefused(old, txn, "a second producer had its id");
            old.close(Duration.ZERO);
        } else if (kind < 25) {
            abort(txn);
        } else {
            commit(txn);
        }
    }
}
