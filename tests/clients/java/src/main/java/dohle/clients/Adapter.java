package dohle.clients;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.DescribeTopicsResult;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache Kafka's Java client. See README.md of tests/clients for the commands. */
public final class Adapter {
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    /** Of a producer: more than the largest record here. */
    private static final int MAX_MESSAGE_BYTES = 12_000_000;
    private static final ObjectMapper JSON = new ObjectMapper();

    private final String bootstrap;
    private final Admin admin;
    private final Map<String, KafkaProducer<byte[], byte[]>> transactional = new HashMap<>();
    private final Set<String> open = new HashSet<>(); // transactional ids with a transaction
    private final Groups groups;
    private KafkaConsumer<byte[], byte[]> follower;
    private Member member;

    private Adapter(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        this.groups = new Groups(admin);
    }

    public static void main(String[] args) throws IOException {
        Adapter adapter = new Adapter(args[0]);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode answer = JSON.createObjectNode();
            try {
                adapter.carryOut(JSON.readTree(line), answer, in);
            } catch (ExecutionException e) {
                answer.removeAll().put("error", String.valueOf(e.getCause()));
            } catch (Exception e) {
                answer.removeAll().put("error", e.toString());
            }
            say(answer);
        }
        System.exit(0);
    }

    static synchronized void say(JsonNode answer) {
        System.out.println(answer);
    }

    private void carryOut(JsonNode command, ObjectNode answer, BufferedReader in) throws Exception {
        ObjectNode result = answer.putObject("result");
        String topic = command.path("topic").asText();
        String group = command.path("group").asText();
        switch (command.get("do").asText()) {
            case "create_topic" -> createTopic(topic, command);
            case "delete_topic" -> await(admin.deleteTopics(List.of(topic)).all());
            case "create_partitions" -> await(admin.createPartitions(
                    Map.of(topic, NewPartitions.increaseTo(command.get("total").asInt()))).all());
            case "list_topics" -> await(admin.listTopics().names()).forEach(result.putArray("topics")::add);
            case "describe_topic" -> describeTopic(topic, result);
            case "describe_configs" -> describeConfigs(topic, result.putObject("configs"));
            case "alter_config" -> alterConfig(topic, command);
            case "list_offsets" -> result.put("offset", listOffset(topic, command));
            case "delete_records" -> deleteRecords(topic, command);
            case "log_sizes" -> logSizes(topic, result.putArray("sizes"));
            case "produce" -> produce(topic, command, result);
            case "fetch" -> fetch(topic, command, result.putArray("records"));
            case "transact" -> transact(topic, command, result.putArray("offsets"));
            case "follow" -> follow(topic, command, result.putArray("records"));
            case "produce_numbered" -> result.put("count", produceNumbered(topic, command));
            case "fetch_numbered" -> result.put("count", fetchNumbered(topic, command));
            case "produce_stream" -> new Streams(bootstrap, command, in).produce(result);
            case "fetch_stream" -> new Streams(bootstrap, command, in).fetch(result);
            case "commit_stream" -> new Commits(bootstrap, command.get("group").asText()).run(topic, in, result);
            case "group_join" -> member = new Member(bootstrap, command);
            case "group_poll" -> member.poll(command, result);
            case "group_commit" -> member.commit(command);
            case "group_committed" -> member.committed(command, result.putObject("offsets"));
            case "group_seek" -> member.seek(command);
            case "group_pause" -> member.pause(command);
            case "group_resume" -> member.resume(command);
            case "group_leave" -> member.leave();
            case "list_groups" -> groups.list(result.putArray("groups"));
            case "describe_group" -> groups.describe(group, result);
            case "delete_group" -> groups.delete(group);
            case "group_offsets" -> groups.offsets(group, topic, result.putObject("offsets"));
            case "alter_group_offset" -> groups.alterOffset(group, place(command), command.get("offset").asLong());
            case "delete_group_offset" -> groups.deleteOffset(group, place(command));
            default -> answer.removeAll().put("unsupported", "the client has no such call");
        }
    }

    private static TopicPartition place(JsonNode command) {
        return new TopicPartition(command.get("topic").asText(), command.get("partition").asInt());
    }

    static <T> T await(KafkaFuture<T> future) throws Exception {
        return future.get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
    }

    private void createTopic(String topic, JsonNode command) throws Exception {
        Map<String, String> configs = new HashMap<>();
        command.get("configs").fields().forEachRemaining(entry -> configs.put(entry.getKey(), entry.getValue().asText()));
        NewTopic created = new NewTopic(topic, command.get("partitions").asInt(), (short) 1).configs(configs);
        await(admin.createTopics(List.of(created)).all());
    }

    private void describeTopic(String topic, ObjectNode result) throws Exception {
        TopicDescription description = await(described(admin.describeTopics(List.of(topic)))).get(topic);
        result.put("id", String.valueOf(call(description, "topicId")));
        ArrayNode leaders = result.putArray("leaders");
        for (TopicPartitionInfo partition : description.partitions()) {
            leaders.add(partition.leader().id());
        }
    }

    /** All topics by name: what 2.8 calls all(), which 4.0 has no more. */
    @SuppressWarnings("unchecked")
    private static KafkaFuture<Map<String, TopicDescription>> described(DescribeTopicsResult topics) {
        Object future = call(topics, "allTopicNames");
        return (KafkaFuture<Map<String, TopicDescription>>) (future != null ? future : call(topics, "all"));
    }

    /** What a method returns that not every version of the client has; null without it. */
    private static Object call(Object object, String method) {
        try {
            return object.getClass().getMethod(method).invoke(object);
        } catch (ReflectiveOperationException e) {
            return null;
        }
    }

    private void describeConfigs(String topic, ObjectNode configs) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        for (ConfigEntry entry : await(admin.describeConfigs(List.of(resource)).all()).get(resource).entries()) {
            configs.put(entry.name(), entry.value());
        }
    }

    private void alterConfig(String topic, JsonNode command) throws Exception {
        JsonNode value = command.get("value");
        AlterConfigOp change = new AlterConfigOp(
                new ConfigEntry(command.get("name").asText(), value.isNull() ? "" : value.asText()),
                value.isNull() ? AlterConfigOp.OpType.DELETE : AlterConfigOp.OpType.SET);
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        await(admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all());
    }

    private long listOffset(String topic, JsonNode command) throws Exception {
        String at = command.get("at").asText();
        OffsetSpec spec = switch (at) {
            case "earliest" -> OffsetSpec.earliest();
            case "latest" -> OffsetSpec.latest();
            default -> OffsetSpec.forTimestamp(Long.parseLong(at));
        };
        TopicPartition place = place(command);
        var options = new ListOffsetsOptions(isolation(command));
        return await(admin.listOffsets(Map.of(place, spec), options).partitionResult(place)).offset();
    }

    private void deleteRecords(String topic, JsonNode command) throws Exception {
        TopicPartition place = place(command);
        await(admin.deleteRecords(Map.of(place, RecordsToDelete.beforeOffset(command.get("before").asLong()))).all());
    }

    private void logSizes(String topic, ArrayNode sizes) throws Exception {
        Map<Integer, Long> found = new TreeMap<>();
        for (LogDirDescription directory : await(admin.describeLogDirs(List.of(1)).allDescriptions()).get(1).values()) {
            directory.replicaInfos().forEach((place, replica) -> {
                if (place.topic().equals(topic)) {
                    found.put(place.partition(), replica.size());
                }
            });
        }
        found.values().forEach(sizes::add);
    }

    /** Of a command that may say `committed`. */
    private static IsolationLevel isolation(JsonNode command) {
        return command.path("committed").asBoolean() ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED;
    }

    private KafkaProducer<byte[], byte[]> producer(Map<String, Object> more) {
        Map<String, Object> configs = new HashMap<>(more);
        configs.put("bootstrap.servers", bootstrap);
        return new KafkaProducer<>(configs, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private KafkaConsumer<byte[], byte[]> consumer(TopicPartition place, IsolationLevel isolation) {
        KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", bootstrap, "isolation.level", isolation.name().toLowerCase(Locale.ROOT)),
                new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.assign(List.of(place));
        return consumer;
    }

    private void produce(String topic, JsonNode command, ObjectNode result) throws Exception {
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of(
                "compression.type", command.get("codec").asText(), "acks", command.get("acks").asText(),
                "enable.idempotence", command.get("idempotent").asBoolean(), "linger.ms", 20,
                "max.in.flight.requests.per.connection", 1, "max.request.size", MAX_MESSAGE_BYTES))) {
            JsonNode partition = command.get("partition");
            result.put("hash", "murmur2");
            List<Future<?>> sent = new ArrayList<>();
            for (JsonNode record : command.get("records")) {
                ProducerRecord<byte[], byte[]> produced = new ProducerRecord<>(topic,
                        partition.isNull() ? null : partition.asInt(), record.get("key").binaryValue(), record.get("value").binaryValue());
                for (JsonNode header : record.get("headers")) {
                    produced.headers().add(header.get(0).asText(), header.get(1).binaryValue());
                }
                sent.add(producer.send(produced));
            }
            for (Future<?> future : sent) {
                future.get(TIMEOUT.toSeconds(), TimeUnit.SECONDS);
            }
        }
    }

    /**
     * Records of the transaction that `id` has open, or begins; each is on the disk before the next. With a group the offset
     * behind the last of them is committed for it, with `consumed` what this process has read as a member of its group.
     * Ends it if told how. The producer stays for the next one, until it fails.
     */
    private void transact(String topic, JsonNode command, ArrayNode offsets) throws Exception {
        String id = command.get("id").asText();
        KafkaProducer<byte[], byte[]> producer = transactional.get(id);
        try {
            if (producer == null) {
                producer = producer(Map.of("transactional.id", id,
                        "transaction.timeout.ms", command.path("timeout_ms").asInt(600000)));
                transactional.put(id, producer);
                producer.initTransactions();
            }
            if (open.add(id)) {
                producer.beginTransaction();
            }
            transact(producer, topic, command, offsets);
            switch (command.get("end").asText()) {
                case "commit" -> producer.commitTransaction();
                case "abort" -> producer.abortTransaction();
                default -> {
                    return;
                }
            }
            open.remove(id);
        } catch (Exception e) {
            transactional.remove(id).close(Duration.ZERO);
            open.remove(id);
            throw e;
        }
    }

    private void transact(KafkaProducer<byte[], byte[]> producer, String topic, JsonNode command, ArrayNode offsets)
            throws Exception {
        for (JsonNode record : command.get("records")) {
            offsets.add(producer.send(new ProducerRecord<>(topic, command.get("partition").asInt(), null,
                    record.get("value").binaryValue())).get(TIMEOUT.toSeconds(), TimeUnit.SECONDS).offset());
        }
        if (command.hasNonNull("group")) {
            TopicPartition place = new TopicPartition(topic, command.get("partition").asInt());
            producer.sendOffsetsToTransaction(
                    Map.of(place, new OffsetAndMetadata(offsets.get(offsets.size() - 1).asLong() + 1)),
                    new ConsumerGroupMetadata(command.get("group").asText()));
        }
        if (command.path("consumed").asBoolean()) {
            producer.sendOffsetsToTransaction(member.positions(), member.metadata());
        }
    }

    private void fetch(String topic, JsonNode command, ArrayNode records) {
        TopicPartition place = place(command);
        int count = command.get("count").asInt();
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(place, isolation(command))) {
            switch (command.get("start").asText()) {
                case "earliest" -> consumer.seekToBeginning(List.of(place));
                case "latest" -> consumer.seekToEnd(List.of(place));
                default -> consumer.seek(place, command.get("start").asLong());
            }
            long end = command.path("until").asLong(Long.MAX_VALUE);
            for (long next = 0; records.size() < count && next < end;) {
                for (ConsumerRecord<byte[], byte[]> record : poll(consumer)) {
                    next = record.offset() + 1;
                    if (records.size() < count) {
                        describe(record, records.addObject());
                    }
                }
            }
        }
    }

    /** The next records for a consumer that stays where it is from command to command, whatever happens to the broker. */
    private void follow(String topic, JsonNode command, ArrayNode records) {
        if (follower == null) {
            TopicPartition place = place(command);
            follower = consumer(place, isolation(command));
            follower.seekToBeginning(List.of(place));
        }
        while (records.size() < command.get("count").asInt()) {
            for (ConsumerRecord<byte[], byte[]> record : poll(follower)) {
                describe(record, records.addObject());
            }
        }
    }

    /** At least one record, or an exception after the time-out. */
    private static Iterable<ConsumerRecord<byte[], byte[]>> poll(KafkaConsumer<byte[], byte[]> consumer) {
        var records = consumer.poll(TIMEOUT);
        if (records.isEmpty()) {
            throw new IllegalStateException("no more records came");
        }
        return records;
    }

    private static void describe(ConsumerRecord<byte[], byte[]> record, ObjectNode description) {
        description.put("offset", record.offset()).put("timestamp", record.timestamp());
        description.put("key", record.key()).put("value", record.value());
        ArrayNode headers = description.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(header.value());
        }
    }

    /** Record `number` of the large test: its own number in twelve digits, then one byte that follows from it. */
    static byte[] numberedValue(int number, int size) {
        byte[] value = new byte[size];
        Arrays.fill(value, (byte) (number % 251));
        System.arraycopy(String.format("%012d", number).getBytes(StandardCharsets.US_ASCII), 0, value, 0, 12);
        return value;
    }

    private int produceNumbered(String topic, JsonNode command) throws Exception {
        int count = command.get("count").asInt();
        int size = command.get("size").asInt();
        AtomicInteger acknowledged = new AtomicInteger();
        AtomicReference<Exception> failure = new AtomicReference<>();
        try (KafkaProducer<byte[], byte[]> producer = producer(Map.of(
                "acks", "all", "enable.idempotence", true, "linger.ms", 5, "buffer.memory", 8 << 20))) {
            for (int number = 0; number < count && failure.get() == null; number++) {
                producer.send(new ProducerRecord<>(topic, 0, null, numberedValue(number, size)), (metadata, error) -> {
                    if (error != null) {
                        failure.compareAndSet(null, error);
                    } else if (acknowledged.incrementAndGet() % 1000 == 0) {
                        say(JSON.createObjectNode().put("progress", acknowledged.get()));
                    }
                });
            }
            producer.flush();
        }
        if (failure.get() != null) {
            throw failure.get();
        }
        return acknowledged.get();
    }

    private int fetchNumbered(String topic, JsonNode command) {
        int count = command.get("count").asInt();
        int size = command.get("size").asInt();
        TopicPartition place = new TopicPartition(topic, 0);
        int number = 0;
        try (KafkaConsumer<byte[], byte[]> consumer = consumer(place, isolation(command))) {
            consumer.seekToBeginning(List.of(place));
            while (number < count) {
                for (ConsumerRecord<byte[], byte[]> record : poll(consumer)) {
                    if (record.offset() != number || !Arrays.equals(record.value(), numberedValue(number, size))) {
                        throw new IllegalStateException("record " + number + " expected, offset " + record.offset() + " has "
                                + new String(record.value(), 0, 12, StandardCharsets.US_ASCII));
                    }
                    number++;
                }
            }
        }
        return number;
    }
}
