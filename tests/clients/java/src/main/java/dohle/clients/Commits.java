package dohle.clients;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.time.Duration;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * A member of a group that commits rising offsets of its partitions until a line on standard input ends it, whatever happens to
 * the broker meanwhile. Before each commit it looks whether the last one is there.
 */
final class Commits {
    private static final int PROGRESS = 10;

    private final KafkaConsumer<byte[], byte[]> consumer;
    /** The last offset of each partition that is ours. */
    private final Map<TopicPartition, Long> commits = new TreeMap<>((a, b) -> a.partition() - b.partition());
    private long count;
    private long said;
    private int assignments;

    Commits(String bootstrap, String group) {
        consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", bootstrap, "group.id", group, "enable.auto.commit", false, "auto.offset.reset",
                        "earliest", "reconnect.backoff.ms", 10, "reconnect.backoff.max.ms", 100, "retry.backoff.ms", 20,
                        "retry.backoff.max.ms", 100),
                new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private long committed(TopicPartition place) {
        OffsetAndMetadata found = consumer.committed(Set.of(place)).get(place);
        return found == null ? -1 : found.offset();
    }

    private final class Listener implements ConsumerRebalanceListener {
        @Override
        public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            assignments++;
            partitions.forEach(place -> commits.put(place, committed(place)));
        }

        @Override
        public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            partitions.forEach(commits::remove);
        }
    }

    private void commitNext(TopicPartition place) {
        long last = commits.get(place);
        long found = committed(place);
        if (found != last) {
            throw new IllegalStateException(place + ": committed " + last + ", found " + found);
        }
        consumer.commitSync(Map.of(place, new OffsetAndMetadata(last + 1)));
        commits.put(place, last + 1);
        count++;
    }

    private void sayProgress() {
        if (count < said + PROGRESS) {
            return;
        }
        said = count;
        ObjectNode answer = new ObjectMapper().createObjectNode();
        answer.putObject("progress").put("count", count).put("assignments", assignments).put("lost", 0);
        Adapter.say(answer);
    }

    void run(String topic, BufferedReader in, ObjectNode result) throws Exception {
        try (consumer) {
            consumer.subscribe(Set.of(topic), new Listener());
            while (!in.ready()) {
                consumer.poll(Duration.ofMillis(10));
                Set.copyOf(commits.keySet()).forEach(this::commitNext);
                sayProgress();
            }
            in.readLine();
            ObjectNode last = result.putObject("commits");
            commits.forEach((place, offset) -> last.put(String.valueOf(place.partition()), offset));
        }
    }
}
