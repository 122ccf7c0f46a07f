import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/**
 * Record batches by Apache Kafka's own classes, in the text form of java.txt (README.md). `record` writes the golden batches,
 * `read FILE` says what Kafka finds in the batches of a file.
 */
public class Batches {
    private static final long BASE_MS = 1_700_000_000_000L;

    interface Filler {
        void fill(MemoryRecordsBuilder builder);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    /** A value that spans blocks and windows of every codec, and compresses well. */
    private static byte[] large(int size) {
        byte[] bytes = new byte[size];
        for (int i = 0; i < size; i++)
            bytes[i] = (byte) (i % 97 + i / 8192);
        return bytes;
    }

    private static void three(MemoryRecordsBuilder builder) {
        builder.append(BASE_MS, utf8("key"), utf8("value"));
        builder.append(BASE_MS + 500, null, utf8("second"));
        builder.append(BASE_MS - 100, utf8(""), null);
    }

    private static void headers(MemoryRecordsBuilder builder) {
        Header[] some = {new RecordHeader("a", utf8("1")), new RecordHeader("a", (byte[]) null), new RecordHeader("", new byte[0]),
            new RecordHeader("größe", utf8("ß"))};
        builder.append(BASE_MS, utf8("k"), utf8("v"), some);
        builder.append(BASE_MS, (byte[]) null, null, new Header[] {new RecordHeader("b", large(300))});
    }

    private static void large(MemoryRecordsBuilder builder) {
        for (int i = 0; i < 3; i++)
            builder.append(BASE_MS + i, utf8("large-" + i), large(70_000 + i));
    }

    private static void many(MemoryRecordsBuilder builder) {
        for (int i = 0; i < 60; i++)
            builder.append(BASE_MS + i * 40L, utf8("k" + i % 7), utf8("line " + i));
    }

    private static void write(String name, Compression compression, TimestampType type, long producerId, Filler filler) {
        boolean transactional = producerId >= 0;
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), RecordBatch.CURRENT_MAGIC_VALUE,
            compression, type, 0L, BASE_MS + 9999, producerId, (short) (transactional ? 3 : -1),
            transactional ? Integer.MAX_VALUE : -1, transactional, 7);
        filler.fill(builder);
        print(name, builder.build().buffer());
    }

    private static void record() {
        Compression[] plain = {Compression.NONE, Compression.gzip().build(), Compression.snappy().build(),
            Compression.lz4().build(), Compression.zstd().build()};
        for (Compression compression : plain) {
            String codec = compression.type().name;
            write(codec + " three", compression, TimestampType.CREATE_TIME, -1, Batches::three);
            write(codec + " headers", compression, TimestampType.CREATE_TIME, -1, Batches::headers);
            write(codec + " transactional", compression, TimestampType.CREATE_TIME, 4711, Batches::three);
            write(codec + " log-append", compression, TimestampType.LOG_APPEND_TIME, -1, Batches::three);
            write(codec + " many", compression, TimestampType.CREATE_TIME, -1, Batches::many);
            write(codec + " no timestamps", compression, TimestampType.CREATE_TIME, -1,
                builder -> builder.append(RecordBatch.NO_TIMESTAMP, utf8("k"), utf8("v")));
            if (compression != Compression.NONE)
                write(codec + " large", compression, TimestampType.CREATE_TIME, -1, Batches::large);
        }
        Compression[] levels = {Compression.gzip().level(1).build(), Compression.gzip().level(9).build(),
            Compression.lz4().level(1).build(), Compression.lz4().level(17).build(), Compression.zstd().level(-5).build(),
            Compression.zstd().level(22).build()};
        for (Compression compression : levels)
            write(compression.type().name + " other level", compression, TimestampType.CREATE_TIME, -1, Batches::large);
        print("commit marker", MemoryRecords.withEndTransactionMarker(40L, BASE_MS, 7, 4711L, (short) 3,
            new EndTransactionMarker(ControlRecordType.COMMIT, 5)).buffer());
    }

    private static String text(ByteBuffer bytes) {
        if (bytes == null)
            return "null";
        byte[] array = new byte[bytes.remaining()];
        bytes.duplicate().get(array);
        if (array.length <= 64)
            return "'" + HexFormat.of().formatHex(array);
        CRC32C crc = new CRC32C();
        crc.update(array);
        return String.format("%d#%08x", array.length, crc.getValue());
    }

    private static void print(String name, ByteBuffer bytes) {
        byte[] array = new byte[bytes.remaining()];
        bytes.duplicate().get(array);
        System.out.printf("%nbatch %s%n", name);
        System.out.printf("bytes %s%n", HexFormat.of().formatHex(array));
        for (MutableRecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(array)).batches()) {
            batch.ensureValid();
            System.out.printf("header %d %d %d %s %s%s%s %d %d %d %d %d%n", batch.baseOffset(), batch.lastOffset(),
                batch.partitionLeaderEpoch(), batch.compressionType().name,
                batch.timestampType() == TimestampType.CREATE_TIME ? "create" : "append",
                batch.isTransactional() ? ",transactional" : "", batch.isControlBatch() ? ",control" : "",
                batch.maxTimestamp(), batch.producerId(), batch.producerEpoch(), batch.lastSequence(), batch.countOrNull());
            for (Record record : batch) {
                StringBuilder line = new StringBuilder();
                line.append(record.offset()).append(' ').append(record.timestamp());
                line.append(' ').append(text(record.key())).append(' ').append(text(record.value()));
                for (Header header : record.headers()) {
                    line.append(' ').append(text(ByteBuffer.wrap(utf8(header.key())))).append('=');
                    line.append(text(header.value() == null ? null : ByteBuffer.wrap(header.value())));
                }
                System.out.println("record " + line);
            }
        }
    }

    private static void read(Path file) throws IOException {
        String name = null;
        for (String line : Files.readAllLines(file)) {
            if (line.startsWith("batch "))
                name = line.substring(6);
            else if (line.startsWith("bytes "))
                print(name, ByteBuffer.wrap(HexFormat.of().parseHex(line.substring(6))));
        }
    }

    public static void main(String[] args) throws IOException {
        if (args[0].equals("record"))
            record();
        else
            read(Path.of(args[1]));
    }
}
