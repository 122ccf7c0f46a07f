package dohle.eos;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/**
 * Reads all topics committed, all the time, and notes what it gets: nothing may come before its commit was asked for. All is read
 * when it is at the end of those who read uncommitted: until then markers may be missing.
 */
final class Reader extends Thread {
    private final KafkaConsumer<String, String> consumer;
    private final Admin admin;
    private final Notes notes;
    private final String prefix;
    private final Notes out;
    /** It ends when all is read. */
    volatile boolean ending;
    volatile Exception failure;
    volatile long count;
    /** It is to say whether all is read. */
    volatile boolean asked;
    volatile boolean readAll;
    /** Behind the last record of topic a, by partition. */
    private final Map<TopicPartition, Long> ends = new ConcurrentHashMap<>();

    Reader(String prefix, String bootstrap, Notes notes, Notes out) {
        super("reader");
        this.prefix = prefix;
        this.notes = notes;
        this.out = out;
        Map<String, Object> configs = Worker.quick(bootstrap);
        configs.putAll(Map.of("isolation.level", "read_committed", "enable.auto.commit", false, "fetch.max.wait.ms", 50));
        consumer = new KafkaConsumer<>(configs);
        admin = Admin.create(Worker.quick(bootstrap));
    }

    @Override
    public void run() {
        try {
            List<TopicPartition> places = new ArrayList<>(Worker.places("a", Workers.A_PARTITIONS));
            places.addAll(Worker.places("b", Workers.B_PARTITIONS));
            places.addAll(Worker.places("c", Workers.A_PARTITIONS));
            consumer.assign(places);
            consumer.seekToBeginning(places);
            while (!ending || !atEnd(places)) {
                readAll = asked && atEnd(places);
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(50))) {
                    see(record);
                }
            }
            consumer.close();
            admin.close();
        } catch (Exception e) {
            e.printStackTrace();
            failure = e;
        }
    }

    private void see(ConsumerRecord<String, String> record) {
        String txn = record.value().split(" ", 2)[0];
        if (txn.startsWith(prefix) && !notes.mayBeCommitted(txn)) {
            throw new IllegalStateException("read before its commit was asked for: " + record);
        }
        out.write(record.topic() + " " + record.partition() + " " + record.offset() + " " + record.value());
        count++;
        if (record.topic().equals("a")) {
            ends.put(new TopicPartition("a", record.partition()), record.offset() + 1);
        }
    }

    Map<TopicPartition, Long> ends() {
        return ends;
    }

    private boolean atEnd(List<TopicPartition> places) throws InterruptedException {
        Map<TopicPartition, OffsetSpec> asks =
                places.stream().collect(Collectors.toMap(Function.identity(), place -> OffsetSpec.latest()));
        try {
            return admin.listOffsets(asks).all().get().entrySet().stream()
                    .allMatch(end -> consumer.position(end.getKey()) >= end.getValue().offset());
        } catch (ExecutionException unanswered) {
            return false;
        }
    }
}
