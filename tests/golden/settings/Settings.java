import java.math.BigInteger;
import java.util.*;
import kafka.server.KafkaConfig;
import org.apache.kafka.common.config.ConfigDef;

/* Prints with which values of its settings Apache Kafka starts: read.txt, which tests/test_start_settings.c holds dohle to.
 *
 *     java -cp 'FOLDER/server/*' tests/golden/settings/Settings.java >tests/golden/settings/read.txt
 *
 * FOLDER is where tests/kafka/kafka fetch keeps the jars. A line is a verdict and what is set, NAME=VALUE, with tabs between; what
 * stands behind "base" is set in all of them. Of each number the range is searched for, and the least and the
 * largest value are printed with the next ones outside; then rules between settings at their edges. -v tells on standard
 * error why a value is refused. */
public class Settings {
    static final String[] BASE = {
        "process.roles=broker,controller",
        "node.id=1",
        "controller.listener.names=CONTROLLER",
        "listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "controller.quorum.bootstrap.servers=localhost:9093",
        "log.dirs=/a",
    };

    static boolean verbose;

    static boolean accepts(String... settings) {
        Properties properties = new Properties();
        for (String[] texts : List.of(BASE, settings))
            for (String text : texts) {
                int equals = text.indexOf('=');
                properties.put(text.substring(0, equals), text.substring(equals + 1));
            }
        try {
            new KafkaConfig(properties, false);
            return true;
        } catch (RuntimeException | ExceptionInInitializerError error) {
            if (verbose)
                System.err.println(String.join(" ", settings) + ": " + error.getMessage());
            return false;
        }
    }

    static final Set<String> printed = new HashSet<>();

    static void print(String... settings) {
        String line = String.join("\t", settings);
        if (printed.add(line))
            System.out.println((accepts(settings) ? "accepted " : "refused ") + line);
    }

    /* The value next to `outside` that is accepted as `inside` is; `inside` when all between are refused. */
    static BigInteger edge(String name, BigInteger inside, BigInteger outside) {
        while (inside.subtract(outside).abs().compareTo(BigInteger.ONE) > 0) {
            BigInteger middle = inside.add(outside).shiftRight(1);
            if (accepts(name + "=" + middle))
                inside = middle;
            else
                outside = middle;
        }
        return inside;
    }

    /* The edges of the values around `inside`, which is accepted. */
    static void printNumber(String name, BigInteger inside, int bits) {
        BigInteger least = edge(name, inside, BigInteger.ONE.shiftLeft(bits - 1).negate().subtract(BigInteger.ONE));
        BigInteger most = edge(name, inside, BigInteger.ONE.shiftLeft(bits - 1));
        for (BigInteger value : List.of(least.subtract(BigInteger.ONE), least, most, most.add(BigInteger.ONE)))
            print(name + "=" + value);
        for (int value = -2; value <= 1; value++)
            if (accepts(name + "=" + value) != (least.intValue() <= value))
                print(name + "=" + value); // a hole, or an island
    }

    static void printAll(String name, String... values) {
        for (String value : values)
            print(name + "=" + value);
    }

    static void printSetting(String name, ConfigDef.ConfigKey key) {
        String text = key.hasDefault() && key.defaultValue != null ? key.defaultValue.toString() : "1";
        switch (key.type) {
        case SHORT -> printNumber(name, new BigInteger(text), 16);
        case INT -> printNumber(name, new BigInteger(text), 32);
        case LONG -> printNumber(name, new BigInteger(text), 64);
        case DOUBLE -> printAll(name, "-1", "-0.001", "0", "0.001", "0.5", "0.501", "1", "1.001", "100000");
        case BOOLEAN -> printAll(name, "true", "false", "x");
        case LIST -> printAll(name, "", "x", "x,x", "x,y", "x,,y", ",");
        default -> printAll(name, "", "x");
        }
        if (key.type == ConfigDef.Type.STRING || key.type == ConfigDef.Type.LIST)
            printWords(name, String.valueOf(key.validator), text);
    }

    /* What the setting's default and its description name, also in other case and twice. */
    static void printWords(String name, String... texts) {
        Set<String> words = new TreeSet<>();
        for (String text : texts)
            for (String word : text.split("[^A-Za-z0-9_.]+"))
                if (!word.isEmpty() && !word.startsWith("org.apache"))
                    words.add(word);
        for (String word : words)
            printAll(name, word, word.toUpperCase(), word.toLowerCase(), word + "," + word);
    }

    /* What the texts of each type may look like. */
    static void printTexts() {
        printAll("num.partitions", "", " 5 ", "+5", "-0", "05", "0x10", "5.0", "1_0", "5L", "5 5", "x");
        printAll("log.retention.bytes", "", " 5 ", "+5", "05", "5L", "5.0", "1e3");
        printAll("log.cleaner.min.cleanable.ratio", "", " 0.5 ", "+0.5", ".5", "1.", "1e-1", "0.5f", "0.5d", "0x1p-1", "NaN",
                 "Infinity", "5,0", "1e-400", "x");
        printAll("log.cleaner.io.max.bytes.per.second", "1.7976931348623157E308", "1e309", "-1e309", "NaN", "Infinity");
        printAll("delete.topic.enable", "", " true ", "TRUE", "False", "t", "1", "yes");
        printAll("log.cleanup.policy", " delete , compact ", "delete,", ",delete", "Delete", "compact,delete,compact");
        printAll("compression.type", " gzip ", "gzip,lz4", "none");
    }

    static final String[] GROUPS = {"group.consumer", "group.share", "group.streams"};

    /* Rules between settings, where one setting alone does not come to the edge. */
    static void printRules() {
        for (String group : GROUPS) {
            String heartbeat = group + ".heartbeat.interval.ms=", most = group + ".max.heartbeat.interval.ms=60000";
            print(most, heartbeat + "44999");
            print(most, heartbeat + "45000");
            print(group + ".min.session.timeout.ms=1", group + ".session.timeout.ms=5000");
            print(group + ".min.session.timeout.ms=1", group + ".session.timeout.ms=5001");
        }
        print("group.share.max.size=1000", "group.share.max.share.sessions=999");
        print("group.share.max.size=1000", "group.share.max.share.sessions=1000");
        print("group.share.max.delivery.count.limit=5", "group.share.delivery.count.limit=6");
        print("group.share.min.delivery.count.limit=5", "group.share.delivery.count.limit=4");
        print("group.share.max.partition.max.record.locks=2000", "group.share.partition.max.record.locks=2001");
        print("group.share.min.partition.max.record.locks=2000", "group.share.partition.max.record.locks=1999");
        print("group.share.max.record.lock.duration.ms=30000", "group.share.record.lock.duration.ms=30001");
        print("group.min.session.timeout.ms=6000", "group.max.session.timeout.ms=5999");
        print("replica.fetch.wait.max.ms=30001", "replica.lag.time.max.ms=30001", "replica.socket.timeout.ms=30001");
        print("replica.fetch.wait.max.ms=30001", "replica.lag.time.max.ms=30001", "replica.socket.timeout.ms=30000");
        print("replica.fetch.wait.max.ms=30001", "replica.lag.time.max.ms=30000", "replica.socket.timeout.ms=30001");
        for (String bytes : List.of("-1", "0", "999", "1000", "1001"))
            print("socket.request.max.bytes=1000", "queued.max.request.bytes=" + bytes);
        print("log.cleaner.threads=2", "log.cleaner.dedupe.buffer.size=2097153");
        print("log.cleaner.threads=2", "log.cleaner.dedupe.buffer.size=2097154");
        print("log.cleaner.enable=false", "log.cleaner.dedupe.buffer.size=1");
        for (String idle : List.of("-1", "0", "500", "501"))
            print("connection.failed.authentication.delay.ms=500", "connections.max.idle.ms=" + idle);
        for (String first : List.of("log.retention.ms", "log.retention.minutes", "log.retention.hours"))
            for (String second : List.of("log.retention.minutes", "log.retention.hours"))
                for (String value : List.of("-2", "-1", "0", "1")) {
                    print(first + "=1", second + "=" + value);
                    print(first + "=" + value, second + "=1");
                }
        print("log.roll.ms=1", "log.roll.jitter.ms=2");
        print("log.roll.hours=1", "log.roll.jitter.hours=2");
        print("log.message.timestamp.type=LogAppendTime", "log.message.timestamp.before.max.ms=0");
        print("max.connections.per.ip=0", "max.connections.per.ip.overrides=localhost:1");
        printAll("max.connections.per.ip.overrides", "localhost:1", "127.0.0.1:1,::1:2", "127.0.0.1:0", "a:-1", "a:b", ":1", "a b:1",
                 "a: 1", " a :1", "a:2147483647", "a:2147483648", "a:1,", "a:1,a:2", "a_b:1", "a/b:1", "a:");
        print("broker.id=1");
        print("broker.id=2");
        print("node.id=2", "broker.id=2");
        printAll("controller.quorum.voters", "1@localhost:9093", "2@localhost:9093", "2@b:1,1@a:1", "1@localhost:0",
                 "1@localhost:65535", "1@localhost:65536", "1@localhost:-1", "1@:9093", "x@localhost:9093", "-1@localhost:9093", "@localhost:1",
                 "1@localhost", "1@[::1]:9093", "1@::1:9093", "1@a:1,1@a:2", " 1@a:1 , 2@a:2 ", "1@0.0.0.0:0", "1@0.0.0.0:1", "1@a b:1");
        print("controller.quorum.bootstrap.servers=", "controller.quorum.voters=1@localhost:9093");
        printAll("controller.quorum.bootstrap.servers", "a:1,b:2", "a:1,a:1", ":1", "a:", "a:x", "a:0", "a:65535", "a:65536",
                 "a:-1", "[::1]:9093", "::1:9093", "PLAINTEXT://a:1", "a b:1");
        printAll("cordoned.log.dirs", "*", "*,/a", "/a", "/b", "/a,/a", "/a,/b", "/a/");
        print("log.dirs=/a,/b", "cordoned.log.dirs=/b");
        printAll("log.dirs", "/a,/b", "/a,/a", "/a,/a/", "/a,,/b");
        printAll("early.start.listeners", "PLAINTEXT", "plaintext", "CONTROLLER", "CONTROLLER,PLAINTEXT", "CONTROLLER,x");
        String assignor = "org.apache.kafka.coordinator.group.assignor.";
        printAll("group.consumer.assignors", "range", "range,uniform", "uniform,uniform", "range,x", assignor + "UniformAssignor",
                 assignor + "RangeAssignor", "range," + assignor + "RangeAssignor", assignor + "SimpleAssignor");
        printAll("group.share.assignors", "simple,simple", assignor + "SimpleAssignor", "simple," + assignor + "SimpleAssignor");
        printAll("group.streams.assignors", "sticky,sticky");
        printAll("group.coordinator.rebalance.protocols", "classic,consumer", "consumer,streams", "classic,x");
        printAll("process.roles", "controller,broker", "broker,controller,broker", "broker,x");
    }

    static void printListeners() {
        String controller = ",CONTROLLER://localhost:9093";
        for (String port : List.of("-1", "0", "1", "65535", "65536", "", "x", "9093"))
            print("listeners=PLAINTEXT://localhost:" + port + controller);
        printAll("listeners", "PLAINTEXT://:9092,CONTROLLER://:9093", "PLAINTEXT://0.0.0.0:9092" + controller,
                 "PLAINTEXT://[::1]:9092" + controller, "PLAINTEXT://::1:9092" + controller, "plaintext://localhost:9092" + controller,
                 "PLAINTEXT://localhost:9092", "CONTROLLER://localhost:9093", "PLAINTEXT://localhost:9092,PLAINTEXT://localhost:9094" + controller,
                 "OTHER://localhost:9092" + controller, "PLAINTEXT:localhost:9092" + controller, "PLAINTEXT://a b:9092" + controller);
        printAll("advertised.listeners", "PLAINTEXT://a:1", "PLAINTEXT://a:0", "PLAINTEXT://a:65535", "PLAINTEXT://a:65536",
                 "PLAINTEXT://0.0.0.0:1", "PLAINTEXT://:1", "OTHER://a:1", "PLAINTEXT://a:1,CONTROLLER://a:2",
                 "CONTROLLER://a:2", "PLAINTEXT://a:1,PLAINTEXT://a:2", "PLAINTEXT://a:1,PLAINTEXT://a:1", "PLAINTEXT://a:-1");
        printAll("inter.broker.listener.name", "PLAINTEXT", "plaintext", "CONTROLLER", "OTHER");
        print("inter.broker.listener.name=PLAINTEXT", "security.inter.broker.protocol=PLAINTEXT");
        printAll("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                 "plaintext:PLAINTEXT,controller:PLAINTEXT", "PLAINTEXT:x,CONTROLLER:PLAINTEXT", "PLAINTEXT:PLAINTEXT",
                 "PLAINTEXT:plaintext,CONTROLLER:plaintext", "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OTHER:SSL");
        printAll("controller.listener.names", "CONTROLLER", "PLAINTEXT", "CONTROLLER,CONTROLLER", "controller", "CONTROLLER,OTHER",
                 "PLAINTEXT,CONTROLLER");
    }

    public static void main(String[] arguments) {
        verbose = arguments.length > 0;
        System.setProperty("org.apache.logging.log4j.level", "OFF");
        for (String text : BASE)
            System.out.println("base " + text);
        for (Map.Entry<String, ConfigDef.ConfigKey> entry : new TreeMap<>(KafkaConfig.configDef().configKeys()).entrySet())
            printSetting(entry.getKey(), entry.getValue());
        printTexts();
        printRules();
        printListeners();
    }
}
