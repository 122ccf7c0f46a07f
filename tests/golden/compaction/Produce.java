// What tests/golden/compaction/record has compacted. Produce.java HOST:PORT first|second
//
// Records have times of their own, two seconds apart where the log is to roll (segment.ms is 1000); what ends a transaction
// has the time of the clock, which lies before all of them. Batches with a codec stay whole or go: how they are compressed
// anew is up to the libraries.
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

public class Produce {
    static String address;
    static long time = 4000000000000L;

    static KafkaProducer<byte[], byte[]> producer(String transactionalId, String codec) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", address);
        config.put("compression.type", codec);
        config.put("linger.ms", 100);
        if (transactionalId != null)
            config.put("transactional.id", transactionalId);
        KafkaProducer<byte[], byte[]> made = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
        if (transactionalId != null)
            made.initTransactions();
        return made;
    }

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    // "k=v k2" as one batch: k2 gets a null value.
    static void send(KafkaProducer<byte[], byte[]> producer, String records) {
        for (String record : records.split(" ")) {
            String[] parts = record.split("=");
            producer.send(new ProducerRecord<>("compacted", 0, time, bytes(parts[0]), bytes(parts.length > 1 ? parts[1] : null)));
        }
        producer.flush();
    }

    static void roll() {
        time += 2000;
    }

    static void transaction(KafkaProducer<byte[], byte[]> producer, String records, boolean commit) {
        producer.beginTransaction();
        send(producer, records);
        if (commit)
            producer.commitTransaction();
        else
            producer.abortTransaction();
    }

    static void first() {
        KafkaProducer<byte[], byte[]> plain = producer(null, "none"), one = producer("one", "none"), two = producer("two", "gzip");
        send(plain, "a=1 b=1");
        transaction(one, "c=1 d=1", true);
        transaction(one, "c=2 a=2", false);
        two.beginTransaction();
        send(two, "e=1 f=1 a=3");
        transaction(one, "d=2", true); // inside the other one
        send(two, "g=1");
        roll();
        send(plain, "b=2 h=1");
        two.abortTransaction(); // its records are in the segment before
        transaction(two, "i=1 b=3", true);
        send(plain, "h c"); // tombstones
        transaction(one, "j=1 d", true);
        roll();
        transaction(two, "a=4 k=1", false);
        send(plain, "k=2 k");
        roll();
        send(plain, "l=1");
        plain.close();
        one.close();
        two.close();
    }

    static void second() {
        time += 100000;
        KafkaProducer<byte[], byte[]> plain = producer(null, "none"), two = producer("two", "zstd");
        send(plain, "d=3 m=1");
        transaction(two, "j=2 n=1", true);
        transaction(two, "m=2", false);
        roll();
        send(plain, "l=2");
        plain.close();
        two.close();
    }

    public static void main(String[] arguments) {
        address = arguments[0];
        if (arguments[1].equals("first"))
            first();
        else
            second();
    }
}
