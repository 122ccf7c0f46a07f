package dohle.clients;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Records that are produced, or read, until a line on standard input ends it, whatever happens to the broker meanwhile. The
 * record with number n of a partition has offset n; none is left out and none comes twice.
 */
final class Streams {
    private static final long TIMEOUT_MS = 60_000;
    private static final int IN_FLIGHT = 400;
    private static final int PROGRESS = 100;

    private final Map<String, Object> configs = new HashMap<>();
    private final BufferedReader in;
    private final JsonNode command;
    private final String topic;
    private final int size;
    private final int keys;
    /** The number of the next record of each partition. */
    private final long[] next;
    private long count;
    private long said;

    Streams(String bootstrap, JsonNode command, BufferedReader in) {
        this.in = in;
        this.command = command;
        topic = command.get("topic").asText();
        size = command.get("size").asInt();
        keys = command.path("keys").asInt();
        next = new long[command.get("partitions").asInt()];
        configs.put("bootstrap.servers", bootstrap);
        configs.put("reconnect.backoff.ms", 10);
        configs.put("reconnect.backoff.max.ms", 100);
        configs.put("retry.backoff.ms", 20);
        configs.put("retry.backoff.max.ms", 100);
    }

    private synchronized void see(int partition, long offset, byte[] value) {
        if (offset != next[partition] || !Arrays.equals(value, Adapter.numberedValue((int) offset, size))) {
            throw new IllegalStateException("partition " + partition + ": record " + next[partition] + " expected, offset "
                    + offset + " has " + new String(value, 0, Math.min(value.length, 12), StandardCharsets.US_ASCII));
        }
        next[partition]++;
        count++;
    }

    private synchronized long count() {
        return count;
    }

    private void sayProgress() {
        if (count() >= said + PROGRESS) {
            said = count();
            Adapter.say(new ObjectMapper().createObjectNode().put("progress", said));
        }
    }

    private JsonNode told() throws IOException {
        return in.ready() ? new ObjectMapper().readTree(in.readLine()) : null;
    }

    private synchronized void report(ObjectNode result) {
        ArrayNode counts = result.putArray("counts");
        Arrays.stream(next).forEach(counts::add);
    }

    void produce(ObjectNode result) throws Exception {
        configs.putAll(Map.of("acks", "all", "enable.idempotence", true, "linger.ms", 2, "batch.size", 20 * size,
                "compression.type", command.get("codec").asText(), "delivery.timeout.ms", (int) TIMEOUT_MS,
                "max.block.ms", TIMEOUT_MS, "request.timeout.ms", 2000));
        AtomicReference<Exception> failure = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer =
                new KafkaProducer<>(configs, new ByteArraySerializer(), new ByteArraySerializer())) {
            long sent = 0;
            while (failure.get() == null && told() == null) {
                sayProgress();
                if (sent - count() >= IN_FLIGHT) {
                    Thread.sleep(1);
                }
                for (int i = 0; i < 20 * next.length && sent - count() < IN_FLIGHT; i++, sent++) {
                    int partition = (int) (sent % next.length);
                    int number = (int) (sent / next.length);
                    byte[] key = keys == 0 ? null : String.valueOf(number % keys).getBytes(StandardCharsets.US_ASCII);
                    byte[] value = Adapter.numberedValue(number, size);
                    producer.send(new ProducerRecord<>(topic, partition, key, value), (metadata, error) -> {
                        try {
                            if (error != null) {
                                throw error;
                            }
                            see(partition, metadata.offset(), value);
                        } catch (Exception e) {
                            failure.compareAndSet(null, e);
                        }
                    });
                }
            }
            producer.flush();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
        report(result);
    }

    private boolean reached(JsonNode counts) {
        return counts != null && IntStream.range(0, next.length).allMatch(i -> next[i] >= counts.get(i).asLong());
    }

    void fetch(ObjectNode result) throws Exception {
        configs.put("auto.offset.reset", "none");
        List<TopicPartition> places = IntStream.range(0, next.length).mapToObj(i -> new TopicPartition(topic, i)).toList();
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(places);
            places.forEach(place -> consumer.seek(place, 0));
            JsonNode counts = command.get("counts");
            long deadline = System.currentTimeMillis() + TIMEOUT_MS;
            while (!reached(counts)) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(50))) {
                    see(record.partition(), record.offset(), record.value());
                    deadline = System.currentTimeMillis() + TIMEOUT_MS;
                }
                sayProgress();
                if (counts == null && in.ready()) {
                    counts = told().get("counts");
                }
                if (System.currentTimeMillis() > deadline) {
                    throw new IllegalStateException("at " + Arrays.toString(next) + " of " + counts + ", nothing came in "
                            + TIMEOUT_MS / 1000 + " s");
                }
            }
        }
        report(result);
    }
}
