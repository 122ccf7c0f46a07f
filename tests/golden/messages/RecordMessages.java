import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.CRC32;
import java.util.zip.GZIPOutputStream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Records what Apache Kafka's own serializers write: random messages of every API, record, version and direction.
 *
 * Usage: RecordMessages OUTPUT JAR... (the README beside this file has the command). Each jar is searched for message
 * definitions, which say what fields a version has and which may be null; the values go in through the setters of the
 * generated classes. Each message is written by Kafka, read back by Kafka, and printed as text in the form of
 * protocol/codec_text.h, whose checksum proves later that we gave every field the same name and value.
 *
 * The output is gzip over one head line and then, for each message (integers big-endian):
 *   u8 length and name as in our schemas, i16 version, u8 form, u32 CRC-32 of the text, u32 length and bytes
 * where form is 1 for canonical bytes, and 0 when they hold tagged fields that nobody knows.
 */
public final class RecordMessages {
    static final String HEAD = "dohle golden messages 1: Apache Kafka 4.4.0\n";
    static final long SEED = 20264400;
    static final int RANDOM_MESSAGES = 4;

    /** Definitions without a type number that we want; other data messages are internal to Kafka's own files. */
    static final Set<String> DATA = Set.of("EndTxnMarker", "LeaderChangeMessage", "SnapshotHeaderRecord",
        "SnapshotFooterRecord", "KRaftVersionRecord", "VotersRecord", "ConsumerProtocolAssignment",
        "ConsumerProtocolSubscription");

    enum Fill { DEFAULTS, NULLS, FULL, RANDOM, UNKNOWN_TAGS }

    final Random random = new Random(SEED);
    final ObjectMapper mapper = new ObjectMapper().enable(JsonParser.Feature.ALLOW_COMMENTS);

    public static void main(String[] args) throws Exception {
        RecordMessages recorder = new RecordMessages();
        Map<String, JsonNode> definitions = new TreeMap<>();
        Map<String, String> packages = new TreeMap<>();
        for (int i = 1; i < args.length; i++)
            recorder.collect(args[i], definitions, packages);
        definitions.entrySet().removeIf(entry -> text(entry.getValue(), "type").equals("response")
            && !definitions.containsKey(entry.getKey().replaceAll("Response$", "Request")));
        int count = 0;
        try (OutputStream file = Files.newOutputStream(Path.of(args[0]));
             DataOutputStream out = new DataOutputStream(new GZIPOutputStream(file, 65536) {{
                 def.setLevel(9);
             }})) {
            out.write(HEAD.getBytes(StandardCharsets.US_ASCII));
            for (String name : definitions.keySet())
                count += recorder.record(name, definitions.get(name), packages.get(name), out);
        }
        System.out.println(count + " messages of " + definitions.size() + " definitions in "
            + Files.size(Path.of(args[0])) + " bytes");
    }

    // ---- definitions ------------------------------------------------------------------------------------------------

    void collect(String path, Map<String, JsonNode> definitions, Map<String, String> packages) throws IOException {
        try (JarFile jar = new JarFile(path)) {
            for (JarEntry entry : (Iterable<JarEntry>) jar.stream()::iterator) {
                if (!entry.getName().matches("common/(message|metadata)/\\w+\\.json"))
                    continue;
                JsonNode definition = mapper.readTree(jar.getInputStream(entry));
                String name = definition.get("name").asText();
                String folder = folderOf(definition, path);
                if (folder == null || !isWanted(definition, name))
                    continue;
                definitions.put(name, definition);
                packages.put(name, folder);
            }
        }
    }

    static boolean isWanted(JsonNode definition, String name) {
        switch (definition.get("type").asText()) {
            case "request":
                return hasBrokerListener(definition) && !definition.get("validVersions").asText().equals("none");
            case "response":
                return true; // until main() sees that nobody asks for it
            case "data":
                return DATA.contains(name);
            case "header":
                return false;
            default:
                return true;
        }
    }

    static boolean hasBrokerListener(JsonNode definition) {
        for (JsonNode listener : definition.withArray("listeners"))
            if (listener.asText().equals("broker"))
                return true;
        return false;
    }

    static String folderOf(JsonNode definition, String jar) {
        if (jar.contains("kafka-clients"))
            return "org.apache.kafka.common.message.";
        if (jar.contains("kafka-metadata"))
            return "org.apache.kafka.common.metadata.";
        for (String coordinator : List.of("group", "transaction", "share"))
            if (jar.contains("kafka-" + coordinator + "-coordinator-4"))
                return "org.apache.kafka.coordinator." + coordinator + ".generated.";
        return null;
    }

    static boolean has(String versions, int version) {
        if (versions == null || versions.equals("none"))
            return false;
        if (versions.endsWith("+"))
            return version >= Integer.parseInt(versions.substring(0, versions.length() - 1));
        String[] ends = versions.split("-");
        return version >= Integer.parseInt(ends[0]) && version <= Integer.parseInt(ends[ends.length - 1]);
    }

    static String text(JsonNode node, String key) {
        return node.has(key) ? node.get(key).asText() : null;
    }

    static String versionsOf(JsonNode field) {
        return field.has("versions") ? text(field, "versions") : text(field, "taggedVersions");
    }

    static String snake(String name) {
        return name.replace("KRaft", "Kraft").replaceAll("([a-z0-9])([A-Z])", "$1_$2")
            .replaceAll("([A-Z]+)([A-Z][a-z])", "$1_$2").toLowerCase();
    }

    static String upperFirst(String name) {
        return Character.toUpperCase(name.charAt(0)) + name.substring(1);
    }

    static String lowerFirst(String name) {
        return Character.toLowerCase(name.charAt(0)) + name.substring(1);
    }

    // ---- recording --------------------------------------------------------------------------------------------------

    int record(String name, JsonNode definition, String folder, DataOutputStream out) throws Exception {
        String type = text(definition, "type");
        boolean message = type.equals("request") || type.equals("response");
        Class<?> generated = Class.forName(folder + name + (message ? "Data" : ""));
        int count = 0;
        for (int version = 0; version <= Short.MAX_VALUE; version++) {
            String valid = text(definition, "validVersions");
            if (!has(valid, version)) {
                if (count > 0 || valid.equals("none"))
                    break;
                continue;
            }
            for (Fill fill : Fill.values()) {
                boolean flexible = has(text(definition, "flexibleVersions"), version);
                if (fill == Fill.UNKNOWN_TAGS && !flexible)
                    continue;
                for (int i = 0; i < (fill == Fill.RANDOM ? RANDOM_MESSAGES : 1); i++, count++)
                    recordOne(name, definition, generated, (short) version, fill, out);
            }
        }
        return count;
    }

    void recordOne(String name, JsonNode definition, Class<?> generated, short version, Fill fill, DataOutputStream out)
            throws Exception {
        Message message = (Message) generated.getConstructor().newInstance();
        fill(message, definition.get("fields"), definition, version, fill, 0);
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);

        Message again = (Message) generated.getConstructor().newInstance();
        again.read(new ByteBufferAccessor(ByteBuffer.wrap(bytes)), version);
        StringBuilder text = new StringBuilder();
        printStruct(again, definition.get("fields"), definition, version, text);
        CRC32 crc = new CRC32();
        crc.update(text.toString().getBytes(StandardCharsets.UTF_8));
        if (Boolean.getBoolean("texts"))
            System.out.println(snake(name) + " " + version + " " + fill + " " + text);

        byte[] label = snake(name).getBytes(StandardCharsets.US_ASCII);
        out.writeByte(label.length);
        out.write(label);
        out.writeShort(version);
        out.writeByte(fill == Fill.UNKNOWN_TAGS ? 0 : 1);
        out.writeInt((int) crc.getValue());
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    /** The fields of the struct that a field's type names: its own, or those of a shared one. */
    static JsonNode fieldsOf(JsonNode field, JsonNode definition) {
        if (field.has("fields"))
            return field.get("fields");
        String type = text(field, "type").replace("[]", "");
        for (JsonNode shared : definition.withArray("commonStructs"))
            if (text(shared, "name").equals(type))
                return shared.get("fields");
        throw new IllegalStateException("no fields of " + type);
    }

    static boolean isScalar(String type) {
        return type.matches("bool|u?int(8|16|32|64)|float64|uuid|string|bytes|records");
    }

    // ---- values -----------------------------------------------------------------------------------------------------

    void fill(Object target, JsonNode fields, JsonNode definition, short version, Fill fill, int depth) throws Exception {
        if (fill == Fill.UNKNOWN_TAGS && (depth == 0 || random.nextInt(3) == 0))
            addUnknownTags((Message) target);
        for (JsonNode field : fields) {
            boolean tagged = field.has("tag");
            boolean nullable = has(text(field, "nullableVersions"), version);
            if (fill == Fill.DEFAULTS || !has(versionsOf(field), version))
                continue;
            if (fill != Fill.FULL && tagged && random.nextBoolean())
                continue;
            Method setter = setter(target.getClass(), "set" + upperFirst(text(field, "name")));
            if (nullable && (fill == Fill.NULLS || (fill != Fill.FULL && random.nextInt(4) == 0)))
                setter.invoke(target, new Object[] {null});
            else
                setter.invoke(target, value(field, definition, setter, version, fill, depth));
        }
    }

    static Method setter(Class<?> generated, String name) {
        for (Method method : generated.getMethods())
            if (method.getName().equals(name) && method.getParameterCount() == 1)
                return method;
        throw new IllegalStateException(generated + " has no " + name);
    }

    Object value(JsonNode field, JsonNode definition, Method setter, short version, Fill fill, int depth) throws Exception {
        String type = text(field, "type");
        Class<?> parameter = setter.getParameterTypes()[0];
        if (!type.startsWith("[]")) {
            if (isScalar(type))
                return scalar(type, parameter);
            return struct(parameter, field, definition, version, fill, depth);
        }
        String item = type.substring(2);
        int count = fill == Fill.FULL || fill == Fill.NULLS ? 1 + random.nextInt(2) : random.nextInt(depth < 1 ? 4 : 3);
        Type generic = setter.getGenericParameterTypes()[0];
        Collection<Object> items;
        Class<?> itemClass;
        if (generic instanceof ParameterizedType) {
            items = new ArrayList<>();
            itemClass = (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
        } else {
            @SuppressWarnings("unchecked")
            Collection<Object> collection = (Collection<Object>) parameter.getConstructor().newInstance();
            items = collection;
            itemClass = Class.forName(parameter.getName().replaceAll("Collection$", ""), true, parameter.getClassLoader());
        }
        for (int i = 0; i < count; i++)
            items.add(isScalar(item) ? scalar(item, itemClass) : struct(itemClass, field, definition, version, fill, depth));
        return items;
    }

    Object struct(Class<?> generated, JsonNode field, JsonNode definition, short version, Fill fill, int depth)
            throws Exception {
        Object target = generated.getConstructor().newInstance();
        fill(target, fieldsOf(field, definition), definition, version, fill, depth + 1);
        return target;
    }

    Object scalar(String type, Class<?> parameter) {
        switch (type) {
            case "bool":
                return random.nextBoolean();
            case "int8":
                return (byte) integer(8);
            case "int16":
                return (short) integer(16);
            case "uint16":
                return (int) integer(16) & 0xffff;
            case "int32":
                return (int) integer(32);
            case "uint32":
                return integer(32) & 0xffffffffL;
            case "int64":
                return integer(64);
            case "float64":
                return (random.nextInt(2001) - 1000) / 4.0;
            case "uuid":
                return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(integer(64), integer(64));
            case "string":
                return string();
            case "bytes":
                return parameter == ByteBuffer.class ? ByteBuffer.wrap(bytes()) : bytes();
            case "records":
                return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
            default:
                throw new IllegalStateException(type);
        }
    }

    /** Numbers at the ends of the range and around zero, small ones, and any. */
    long integer(int bits) {
        long max = (1L << (bits - 1)) - 1;
        switch (random.nextInt(6)) {
            case 0:
                return max;
            case 1:
                return -max - 1;
            case 2:
                return random.nextInt(3) - 1;
            case 3:
                return random.nextLong() >> (64 - bits);
            default:
                return random.nextInt(100);
        }
    }

    /** Mostly short; 127 and 128 bytes are where a compact length grows to two bytes. */
    int length() {
        int kind = random.nextInt(20);
        return kind == 0 ? 126 + random.nextInt(3) : kind < 4 ? 0 : 1 + random.nextInt(6);
    }

    static final String[] PIECES = {"a", "topic", "-", ".", "_", "0", "\u00e9", "\u65e5\u672c", "\ud83d\udc26", "\"", "\\",
        "\n", "\t", "\u0001", "\u007f", " "};

    String string() {
        StringBuilder text = new StringBuilder();
        int length = length();
        while (text.length() < length)
            text.append(length > 100 ? "x" : PIECES[random.nextInt(PIECES.length)]);
        return text.toString();
    }

    byte[] bytes() {
        byte[] bytes = new byte[length()];
        if (bytes.length < 100)
            random.nextBytes(bytes);
        return bytes;
    }

    void addUnknownTags(Message message) {
        int tag = 100;
        for (int i = 1 + random.nextInt(2); i > 0; i--) {
            tag += 1 + random.nextInt(20000);
            message.unknownTaggedFields().add(new RawTaggedField(tag, bytes()));
        }
    }

    // ---- text as in protocol/codec_text.h ---------------------------------------------------------------------------

    void printStruct(Object message, JsonNode fields, JsonNode definition, short version, StringBuilder out)
            throws Exception {
        List<JsonNode> ordered = new ArrayList<>();
        fields.forEach(ordered::add);
        ordered.sort(Comparator.comparingInt(field -> field.has("tag") ? field.get("tag").asInt() : -1));
        String separator = "";
        out.append('{');
        for (JsonNode field : ordered) {
            if (!has(versionsOf(field), version))
                continue;
            String name = text(field, "name");
            Object value = message.getClass().getMethod(lowerFirst(name)).invoke(message);
            out.append(separator).append(snake(name)).append(": ");
            printField(value, field, definition, version, out);
            separator = ", ";
        }
        out.append('}');
    }

    void printField(Object value, JsonNode field, JsonNode definition, short version, StringBuilder out) throws Exception {
        String type = text(field, "type");
        if (value == null || !type.startsWith("[]")) {
            printValue(value, type, field, definition, version, out);
            return;
        }
        String separator = "";
        out.append('[');
        for (Object item : (Collection<?>) value) {
            out.append(separator);
            printValue(item, type.substring(2), field, definition, version, out);
            separator = ", ";
        }
        out.append(']');
    }

    void printValue(Object value, String type, JsonNode field, JsonNode definition, short version, StringBuilder out)
            throws Exception {
        if (value == null)
            out.append("null");
        else if (!isScalar(type))
            printStruct(value, fieldsOf(field, definition), definition, version, out);
        else if (value instanceof String)
            printString((String) value, out);
        else if (value instanceof Uuid)
            out.append('"').append(value).append('"');
        else if (value instanceof byte[])
            printBytes(ByteBuffer.wrap((byte[]) value), out);
        else if (value instanceof ByteBuffer)
            printBytes(((ByteBuffer) value).duplicate(), out);
        else if (value instanceof MemoryRecords)
            printBytes(((MemoryRecords) value).buffer(), out);
        else if (value instanceof Double && (Double) value == Math.rint((Double) value))
            out.append(((Double) value).longValue());
        else
            out.append(value);
    }

    static void printString(String value, StringBuilder out) {
        out.append('"');
        for (char c : value.toCharArray()) {
            if (c == '"' || c == '\\')
                out.append('\\').append(c);
            else if (c == '\n')
                out.append("\\n");
            else if (c == '\r')
                out.append("\\r");
            else if (c == '\t')
                out.append("\\t");
            else if (c < 0x20 || c == 0x7f)
                out.append(String.format("\\x%02x", (int) c));
            else
                out.append(c);
        }
        out.append('"');
    }

    static void printBytes(ByteBuffer value, StringBuilder out) {
        out.append("x\"");
        while (value.hasRemaining())
            out.append(String.format("%02x", value.get()));
        out.append('"');
    }
}
