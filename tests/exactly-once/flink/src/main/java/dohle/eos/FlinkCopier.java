package dohle.eos;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * CHECKPOINTS BOOTSTRAP: copies topic "in" to "out" in transactions that end with Flink's checkpoints, all in one process. It begins
 * with the newest checkpoint that an earlier process left in the folder. A line on standard input ends it.
 */
public final class FlinkCopier {
    private static final AtomicLong COPIES = new AtomicLong();

    private FlinkCopier() {
    }

    public static void main(String[] args) throws Exception {
        Path checkpoints = Path.of(args[0]);
        String bootstrap = args[1];
        Configuration configs = new Configuration();
        configs.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints.toUri().toString());
        configs.set(TaskManagerOptions.NETWORK_MEMORY_MIN, MemorySize.ofMebiBytes(8));
        configs.set(TaskManagerOptions.NETWORK_MEMORY_MAX, MemorySize.ofMebiBytes(8));
        configs.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, MemorySize.ofMebiBytes(8));
        newest(checkpoints).ifPresent(found -> configs.set(StateRecoveryOptions.SAVEPOINT_PATH, found.toUri().toString()));
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(2, configs);
        environment.enableCheckpointing(300, CheckpointingMode.EXACTLY_ONCE);
        environment.getCheckpointConfig().setTolerableCheckpointFailureNumber(Integer.MAX_VALUE);
        environment.getCheckpointConfig().setExternalizedCheckpointRetention(ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
        KafkaSource<String> source = KafkaSource.<String>builder().setBootstrapServers(bootstrap).setTopics("in")
                .setGroupId("flink").setStartingOffsets(OffsetsInitializer.earliest())
                .setProperty("isolation.level", "read_committed").setProperty("max.poll.records", "20")
                .setValueOnlyDeserializer(new SimpleStringSchema()).build();
        KafkaSink<String> sink = KafkaSink.<String>builder().setBootstrapServers(bootstrap)
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE).setTransactionalIdPrefix("flink")
                .setProperty("transaction.timeout.ms", "600000").setProperty("reconnect.backoff.max.ms", "200")
                .setRecordSerializer(KafkaRecordSerializationSchema.<String>builder().setTopic("out")
                        .setValueSerializationSchema(new SimpleStringSchema()).build())
                .build();
        environment.fromSource(source, WatermarkStrategy.noWatermarks(), "in").uid("in").map(new Progress()).uid("progress")
                .sinkTo(sink).uid("out");
        environment.executeAsync();
        System.in.read();
        System.out.println("{\"result\": {}}");
        System.exit(0);
    }

    /** The newest checkpoint that is whole. */
    private static Optional<Path> newest(Path folder) throws Exception {
        if (!Files.exists(folder)) {
            return Optional.empty();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.endsWith("_metadata")).max(Comparator.comparing(file -> file.toFile().lastModified()))
                    .map(Path::getParent);
        }
    }

    /** Tells how many records came by; not too fast, so that many checkpoints are taken. */
    private static final class Progress implements MapFunction<String, String> {
        @Override
        public String map(String value) throws InterruptedException {
            Thread.sleep(1);
            long count = COPIES.incrementAndGet();
            if (count % 20 == 0) {
                System.out.println("{\"progress\": " + count + "}");
            }
            return value;
        }
    }
}
