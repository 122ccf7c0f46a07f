package dohle.eos;

import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/** Transactions that are left open until the broker has aborted them for their time: the commit afterwards is refused. */
final class Sleeper extends Worker {
    private static final TopicPartition PLACE = new TopicPartition("sleeper", 0);

    private final Admin admin;

    Sleeper(String id, String bootstrap, Notes notes, long seed) {
        super(id, bootstrap, notes, seed);
        admin = Admin.create(quick(bootstrap));
    }

    @Override
    int timeoutMs() {
        return 1000;
    }

    @Override
    void close() {
        super.close();
        admin.close();
    }

    @Override
    void step() throws Exception {
        String txn = newTransaction();
        producer.beginTransaction();
        send(txn, 0, PLACE, "-");
        producer.flush();
        long end = offset(IsolationLevel.READ_UNCOMMITTED);
        for (long until = System.currentTimeMillis() + PATIENCE_MS; offset(IsolationLevel.READ_COMMITTED) < end;) {
            if (System.currentTimeMillis() > until) {
                throw new IllegalStateException(txn + " is open long after its time");
            }
            Thread.sleep(20);
        }
        mustBeRefused(producer, txn, "its time was over");
        done.incrementAndGet();
        producer.close(Duration.ZERO);
        producer = newProducer();
    }

    /** The end of the partition as readers see it. */
    private long offset(IsolationLevel isolation) throws Exception {
        for (long until = System.currentTimeMillis() + PATIENCE_MS;;) {
            try {
                return admin.listOffsets(Map.of(PLACE, OffsetSpec.latest()), new ListOffsetsOptions(isolation))
                        .partitionResult(PLACE).get().offset();
            } catch (ExecutionException e) {
                if (System.currentTimeMillis() > until) {
                    throw e;
                }
            }
        }
    }
}
