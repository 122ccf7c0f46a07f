package dohle.eos;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;

/** Asks for last stable offsets, all the time: none may be above a record of a transaction that is open before and after. */
final class Watcher extends Thread {
    private final Admin admin;
    private final Notes notes;
    volatile boolean ending;
    volatile Exception failure;
    /** Answers that an open transaction was held against. */
    volatile long held;

    Watcher(String bootstrap, Notes notes) {
        super("watcher");
        this.notes = notes;
        admin = Admin.create(Worker.quick(bootstrap));
    }

    @Override
    public void run() {
        List<TopicPartition> places = new ArrayList<>(Worker.places("a", Workers.A_PARTITIONS));
        places.addAll(Worker.places("b", Workers.B_PARTITIONS));
        Map<TopicPartition, OffsetSpec> asked =
                places.stream().collect(Collectors.toMap(Function.identity(), place -> OffsetSpec.latest()));
        try {
            while (!ending) {
                Map<String, Map<TopicPartition, Long>> before = notes.open();
                try {
                    compare(before, admin.listOffsets(asked, new ListOffsetsOptions(IsolationLevel.READ_COMMITTED)).all().get());
                } catch (ExecutionException killed) {
                    continue;
                }
                Thread.sleep(2); // not to take the time of the others
            }
        } catch (Exception e) {
            e.printStackTrace();
            failure = e;
        }
        admin.close();
    }

    private void compare(Map<String, Map<TopicPartition, Long>> before, Map<TopicPartition, ListOffsetsResultInfo> found) {
        Set<String> after = notes.openNames();
        before.forEach((txn, places) -> {
            if (after.contains(txn)) {
                places.forEach((place, offset) -> {
                    ListOffsetsResultInfo stable = found.get(place);
                    if (stable != null && stable.offset() > offset) {
                        throw new IllegalStateException(txn + " is open at " + place + " " + offset + ", the last stable offset "
                                + stable.offset());
                    }
                    held++;
                });
            }
        });
    }
}
