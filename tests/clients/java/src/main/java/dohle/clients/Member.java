package dohle.clients;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A member of a consumer group that subscribes to one topic. */
final class Member implements ConsumerRebalanceListener {
    private static final Map<String, String> ASSIGNORS = Map.of("range", "RangeAssignor", "roundrobin", "RoundRobinAssignor",
            "sticky", "StickyAssignor", "cooperative-sticky", "CooperativeStickyAssignor");

    private final String topic;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private int rebalances;
    private int revoked;

    Member(String bootstrap, JsonNode command) {
        topic = command.get("topic").asText();
        Map<String, Object> configs = new HashMap<>(Map.of(
                "bootstrap.servers", bootstrap,
                "group.id", command.get("group").asText(),
                "enable.auto.commit", false,
                "auto.offset.reset", "earliest",
                "session.timeout.ms", command.get("session_ms").asInt(),
                "heartbeat.interval.ms", 300));
        if (!command.get("assignor").isNull()) {
            configs.put("partition.assignment.strategy",
                    "org.apache.kafka.clients.consumer." + ASSIGNORS.get(command.get("assignor").asText()));
        }
        if (!command.get("instance").isNull()) {
            configs.put("group.instance.id", command.get("instance").asText());
        }
        consumer = new KafkaConsumer<>(configs, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(List.of(topic), this);
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        rebalances++;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        revoked += partitions.size();
    }

    void poll(JsonNode command, ObjectNode result) {
        ArrayNode records = result.putArray("records");
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(command.get("ms").asInt()))) {
            records.addArray().add(record.partition()).add(record.offset())
                    .add(new String(record.value(), StandardCharsets.UTF_8));
        }
        ArrayNode assigned = result.putArray("assigned");
        consumer.assignment().forEach(place -> assigned.add(place.partition()));
        result.put("rebalances", rebalances).put("revoked", revoked);
    }

    void commit(JsonNode command) {
        if (command.get("how").asText().equals("sync")) {
            consumer.commitSync();
        } else {
            consumer.commitAsync();
        }
    }

    /** What poll() has given out of each partition ends here. */
    Map<TopicPartition, OffsetAndMetadata> positions() {
        Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
        consumer.assignment().forEach(place -> positions.put(place, new OffsetAndMetadata(consumer.position(place))));
        return positions;
    }

    ConsumerGroupMetadata metadata() {
        return consumer.groupMetadata();
    }

    void committed(JsonNode command, ObjectNode offsets) {
        consumer.committed(new HashSet<>(places(command))).forEach((place, committed) ->
                offsets.put(String.valueOf(place.partition()), committed == null ? -1 : committed.offset()));
    }

    void seek(JsonNode command) {
        consumer.seek(new TopicPartition(topic, command.get("partition").asInt()), command.get("offset").asLong());
    }

    void pause(JsonNode command) {
        consumer.pause(places(command));
    }

    void resume(JsonNode command) {
        consumer.resume(places(command));
    }

    void leave() {
        consumer.close();
    }

    private List<TopicPartition> places(JsonNode command) {
        List<TopicPartition> places = new ArrayList<>();
        command.get("places").forEach(partition -> places.add(new TopicPartition(topic, partition.asInt())));
        return places;
    }
}
