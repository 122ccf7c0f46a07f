import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Fills a broker with what tests/test_kafka_versions.c looks for: Fill HOST:PORT [open|plain]. With `open` a transaction stays
 * open, with `plain` there are none.
 */
class Fill {
    static final long TIME = 1_700_000_000_000L;

    static Properties properties(String address) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        properties.put("key.serializer", StringSerializer.class.getName());
        properties.put("value.serializer", StringSerializer.class.getName());
        properties.put("linger.ms", "0");
        return properties;
    }

    static void send(KafkaProducer<String, String> producer, String topic, int partition, int number, String value)
            throws Exception {
        var record = new ProducerRecord<>(topic, partition, TIME + number, "key-" + number, value);
        record.headers().add("h", new byte[] {1, 2, 3});
        producer.send(record).get();
    }

    static NewTopic topic(String name, int partitions, Map<String, String> configs) {
        return new NewTopic(name, partitions, (short) 1).configs(configs);
    }

    static void makeTopics(String address) throws Exception {
        try (Admin admin = Admin.create(properties(address))) {
            admin.createTopics(List.of(
                topic("orders", 2, Map.of("retention.ms", "-1", "index.interval.bytes", "0")),
                topic("ledger", 1, Map.of("cleanup.policy", "compact", "message.timestamp.type", "LogAppendTime")),
                topic("empty", 1, Map.of()), topic("gone", 1, Map.of()))).all().get();
            var all = new ConfigResource(ConfigResource.Type.BROKER, "");
            admin.incrementalAlterConfigs(Map.of(all, List.of(new AlterConfigOp(
                new ConfigEntry("log.retention.ms", "5000000"), AlterConfigOp.OpType.SET)))).all().get();
        }
    }

    static void deleteTopic(String address, String name) throws Exception {
        try (Admin admin = Admin.create(properties(address))) {
            admin.deleteTopics(Set.of(name)).all().get();
        }
    }

    static void fillCodecs(String address) throws Exception {
        int number = 0;
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            Properties properties = properties(address);
            properties.put("compression.type", codec);
            try (var producer = new KafkaProducer<String, String>(properties)) {
                for (int i = 0; i < 4; i++)
                    send(producer, "orders", 0, number++, codec + "-" + i);
            }
        }
    }

    /** kept-0 to 2, two aborted ones, kept-5; then perhaps one that stays open. */
    static void fillTransactions(String address, boolean open) throws Exception {
        Properties properties = properties(address);
        properties.put("transactional.id", "t");
        var producer = new KafkaProducer<String, String>(properties);
        producer.initTransactions();
        producer.beginTransaction();
        for (int i = 0; i < 3; i++)
            send(producer, "orders", 1, i, "kept-" + i);
        producer.commitTransaction();
        producer.beginTransaction();
        for (int i = 3; i < 5; i++)
            send(producer, "orders", 1, i, "dropped-" + i);
        producer.abortTransaction();
        producer.beginTransaction();
        send(producer, "orders", 1, 5, "kept-5");
        producer.commitTransaction();
        if (open) {
            producer.beginTransaction();
            send(producer, "orders", 1, 6, "open-6");
            Runtime.getRuntime().halt(0);
        }
        producer.close();
    }

    public static void main(String[] arguments) throws Exception {
        String address = arguments[0];
        makeTopics(address);
        fillCodecs(address);
        try (var producer = new KafkaProducer<String, String>(properties(address))) {
            for (int i = 0; i < 3; i++)
                send(producer, "ledger", 0, i % 2, "entry-" + i);
            send(producer, "gone", 0, 0, "gone");
        }
        deleteTopic(address, "gone");
        String how = arguments.length > 1 ? arguments[1] : "";
        if (!how.equals("plain"))
            fillTransactions(address, how.equals("open"));
    }
}
