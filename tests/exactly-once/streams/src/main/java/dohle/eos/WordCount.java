package dohle.eos;

import java.time.Duration;
import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.TimeWindows;

/**
 * STATE BOOTSTRAP: counts the words of topic "words", in all to "counts" and by minute to "windows", exactly once. Without a cache
 * each word is one record of each: the counts of a word are 1, 2, 3. A line on standard input ends it.
 */
public final class WordCount {
    private static final int PROGRESS = 20;
    private static final Duration PATIENCE = Duration.ofMinutes(2);

    private WordCount() {
    }

    public static void main(String[] args) throws Exception {
        AtomicLong words = new AtomicLong();
        StreamsBuilder builder = new StreamsBuilder();
        KGroupedStream<String, String> grouped = builder.<String, String>stream("words")
                .flatMapValues(line -> Arrays.asList(line.split(" ")))
                .peek((key, word) -> progress(words.incrementAndGet()))
                .groupBy((key, word) -> word);
        grouped.count().toStream().mapValues(String::valueOf).to("counts");
        grouped.windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofDays(1))).count().toStream()
                .map((window, count) -> KeyValue.pair(window.key() + "@" + window.window().start(),
                        String.valueOf(count)))
                .to("windows");
        KafkaStreams streams = new KafkaStreams(builder.build(), configs(args[0], args[1]));
        streams.setUncaughtExceptionHandler(failure -> {
            failure.printStackTrace();
            System.out.println("{\"error\": \"" + failure.toString().replaceAll("[\"\\\\\n]", "'") + "\"}");
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.start();
        System.in.read();
        System.out.println(streams.close(PATIENCE) ? "{\"result\": {}}" : "{\"error\": \"it does not end\"}");
        System.exit(0);
    }

    private static void progress(long words) {
        if (words % PROGRESS == 0) {
            System.out.println("{\"progress\": " + words + "}");
        }
    }

    private static Properties configs(String state, String bootstrap) {
        Properties configs = new Properties();
        configs.put(StreamsConfig.APPLICATION_ID_CONFIG, "word-count");
        configs.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        configs.put(StreamsConfig.STATE_DIR_CONFIG, state);
        configs.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        configs.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        configs.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        configs.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
        configs.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        configs.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
        configs.put(StreamsConfig.REPARTITION_PURGE_INTERVAL_MS_CONFIG, 200);
        configs.put("reconnect.backoff.max.ms", 200);
        // Who comes back is known; when its state folder is gone it has another transactional id, and waits for the old one's time.
        configs.put(StreamsConfig.consumerPrefix(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG), "one");
        configs.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        configs.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 50);
        configs.put(StreamsConfig.producerPrefix("transaction.timeout.ms"), 5000);
        return configs;
    }
}
