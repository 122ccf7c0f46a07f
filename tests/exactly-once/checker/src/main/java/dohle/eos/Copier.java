package dohle.eos;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** Member of a group that copies topic a to c, the offsets in the transaction of the records. Some are aborted, and read again. */
final class Copier extends Worker {
    static final String GROUP = "copiers";

    private final KafkaConsumer<String, String> consumer;

    Copier(String id, String bootstrap, Notes notes, long seed) {
        super(id, bootstrap, notes, seed);
        Map<String, Object> configs = quick(bootstrap);
        configs.putAll(Map.of("group.id", GROUP, "isolation.level", "read_committed", "enable.auto.commit", false,
                "auto.offset.reset", "earliest", "max.poll.records", 20, "default.api.timeout.ms", (int) PATIENCE_MS,
                "fetch.max.wait.ms", 50, "group.instance.id", id, "session.timeout.ms", (int) PATIENCE_MS));
        consumer = new KafkaConsumer<>(configs);
        consumer.subscribe(List.of("a"));
    }

    @Override
    void close() {
        super.close();
        consumer.close(Duration.ZERO);
    }

    @Override
    void step() {
        ConsumerRecords<String, String> records = consumer.poll(Duration.ofMillis(50));
        if (records.isEmpty()) {
            return;
        }
        String txn = newTransaction();
        notes.opens(txn);
        producer.beginTransaction();
        Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
        int index = 0;
        for (ConsumerRecord<String, String> record : records) {
            send(txn, index++, new TopicPartition("c", record.partition()), record.offset() + " " + record.value());
            offsets.put(new TopicPartition("a", record.partition()), new OffsetAndMetadata(record.offset() + 1));
        }
        try {
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            if (random.nextInt(5) > 0) {
                commit(txn);
                return;
            }
        } catch (KafkaException e) {
            startedAnew();
            throw e;
        }
        abort(txn);
        startedAnew();
    }

    /** Read again from what is committed. */
    @Override
    void startedAnew() {
        consumer.committed(consumer.assignment()).forEach((place, committed) -> {
            if (committed == null) {
                consumer.seekToBeginning(List.of(place));
            } else {
                consumer.seek(place, committed);
            }
        });
    }
}
