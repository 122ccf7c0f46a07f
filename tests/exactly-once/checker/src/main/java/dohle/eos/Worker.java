package dohle.eos;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** One that works in transactions of its own transactional id until it is told to end. Its records are "TXN INDEX WHAT". */
abstract class Worker extends Thread {
    static final long PATIENCE_MS = 120_000;

    final String id;
    final String bootstrap;
    final Notes notes;
    final Random random;
    final AtomicLong done = new AtomicLong();
    volatile boolean ending;
    volatile Exception failure;
    KafkaProducer<String, String> producer;
    private long transactions;

    Worker(String id, String bootstrap, Notes notes, long seed) {
        super(id);
        this.id = id;
        this.bootstrap = bootstrap;
        this.notes = notes;
        random = new Random(seed);
    }

    /** One transaction, or nothing to do. */
    abstract void step() throws Exception;

    /** The producer is new: what was in work is given up. */
    void startedAnew() {
    }

    void close() {
        producer.close();
    }

    @Override
    public void run() {
        try {
            producer = newProducer();
            while (!ending) {
                try {
                    step();
                } catch (KafkaException e) {
                    // Whatever it was, a new producer of the id ends what the old one left.
                    System.err.println(id + " starts anew");
                    e.printStackTrace();
                    notes.write("anew " + id + " " + e.getClass().getSimpleName());
                    producer.close(Duration.ZERO);
                    producer = newProducer();
                    startedAnew();
                }
            }
            close();
        } catch (Exception e) {
            e.printStackTrace();
            failure = e;
        }
    }

    static Map<String, Object> quick(String bootstrap) {
        Map<String, Object> configs = new HashMap<>();
        configs.put("bootstrap.servers", bootstrap);
        configs.put("reconnect.backoff.ms", 10);
        configs.put("reconnect.backoff.max.ms", 100);
        configs.put("retry.backoff.ms", 10);
        configs.put("retry.backoff.max.ms", 100);
        configs.put("request.timeout.ms", 60_000);
        configs.put("default.api.timeout.ms", (int) PATIENCE_MS);
        configs.put("key.deserializer", StringDeserializer.class);
        configs.put("value.deserializer", StringDeserializer.class);
        return configs;
    }

    /** How long a transaction may take. */
    int timeoutMs() {
        return 120_000;
    }

    KafkaProducer<String, String> newProducer() {
        Map<String, Object> configs = quick(bootstrap);
        configs.keySet().removeIf(name -> name.endsWith("deserializer") || name.startsWith("default.api"));
        configs.putAll(Map.of("transactional.id", id, "transaction.timeout.ms", timeoutMs(), "linger.ms", random.nextInt(3),
                "max.block.ms", PATIENCE_MS, "delivery.timeout.ms", (int) PATIENCE_MS, "buffer.memory", 1 << 20));
        KafkaProducer<String, String> made = new KafkaProducer<>(configs, new StringSerializer(), new StringSerializer());
        retried(made::initTransactions);
        return made;
    }

    String newTransaction() {
        return id + "-" + ++transactions;
    }

    void send(String txn, int index, TopicPartition place, String what) {
        notes.send(txn, index, place);
        String value = txn + " " + index + " " + what;
        producer.send(new ProducerRecord<>(place.topic(), place.partition(), null, value), (metadata, error) -> {
            if (error == null) {
                notes.acked(txn, index, place, metadata.offset());
            }
        });
    }

    /**
     * All is sent before. The client looks whether something is left, and then whether the end is asked for: what is sent between
     * the two is left for the next transaction (kafka-clients 4.4.0, seen with a machine under load: a batch with records of both).
     */
    void commit(String txn) {
        producer.flush();
        notes.commit(txn);
        retried(producer::commitTransaction);
        notes.committed(txn);
        done.incrementAndGet();
    }

    void abort(String txn) {
        producer.flush();
        notes.closes(txn);
        retried(producer::abortTransaction);
        done.incrementAndGet();
    }

    /** What a client may call again after a time-out. */
    static void retried(Runnable call) {
        for (long until = System.currentTimeMillis() + PATIENCE_MS;;) {
            try {
                call.run();
                return;
            } catch (TimeoutException e) {
                if (System.currentTimeMillis() > until) {
                    throw e;
                }
            }
        }
    }

    /** Someone other has ended the transaction: its producer must be told so. */
    void mustBeRefused(KafkaProducer<String, String> old, String txn, String why) {
        try {
            retried(old::commitTransaction);
        } catch (RetriableException e) {
            throw e;
        } catch (KafkaException e) {
            return;
        }
        throw new IllegalStateException(txn + " was committed though " + why);
    }

    static List<TopicPartition> places(String topic, int partitions) {
        return IntStream.range(0, partitions).mapToObj(i -> new TopicPartition(topic, i)).toList();
    }
}
