package dohle.eos;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * NOTES READS SEED BOOTSTRAP: writers, copiers, one that sleeps, a reader and a watcher of last stable offsets, in one process.
 * It tells its progress each time some worker ended a transaction; lines on standard input: "drain" ends the writers; "settle",
 * when there are no writers elsewhere, has it tell "drained" when all copies are made; "end" ends all.
 */
public final class Workers {
    static final int A_PARTITIONS = 3;
    static final int B_PARTITIONS = 2;
    private static final int WRITERS = 3;
    private static final int COPIERS = 2;
    private static final long JOIN_MS = 120_000;

    private final List<Worker> workers = new ArrayList<>();
    private final Reader reader;
    private final Watcher watcher;
    private final Admin admin;

    private Workers(String[] args) throws Exception {
        Notes notes = new Notes(Path.of(args[0]));
        long seed = Long.parseLong(args[2]);
        String bootstrap = args[3];
        admin = Admin.create(Worker.quick(bootstrap));
        createTopics();
        for (int i = 0; i < WRITERS; i++) {
            workers.add(new Writer("java-w" + i, bootstrap, notes, seed + i));
        }
        for (int i = 0; i < COPIERS; i++) {
            workers.add(new Copier("java-c" + i, bootstrap, notes, seed + 10 + i));
        }
        workers.add(new Sleeper("java-s", bootstrap, notes, seed));
        reader = new Reader("java-", bootstrap, notes, new Notes(Path.of(args[1])));
        watcher = new Watcher(bootstrap, notes);
    }

    /** Small segments: rolls, and producers and aborted transactions over many of them. */
    private void createTopics() throws Exception {
        Map<String, String> small = Map.of("internal.segment.bytes", "60000", "index.interval.bytes", "1000");
        admin.createTopics(List.of(topic("a", A_PARTITIONS).configs(small), topic("b", B_PARTITIONS).configs(small),
                topic("c", A_PARTITIONS), topic("sleeper", 1))).all().get();
    }

    private static NewTopic topic(String name, int partitions) {
        return new NewTopic(name, partitions, (short) 1);
    }

    public static void main(String[] args) throws Exception {
        Workers all = new Workers(args);
        all.workers.forEach(Thread::start);
        all.reader.start();
        all.watcher.start();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        String said = "";
        while (true) {
            String progress = all.progress();
            if (!progress.equals(said)) {
                said = progress;
                System.out.println(said);
            }
            String line = in.ready() ? in.readLine() : "";
            if (line.contains("settle")) {
                all.reader.asked = true;
            } else if (line.contains("drain")) {
                all.workers.stream().filter(worker -> !(worker instanceof Copier)).forEach(worker -> worker.ending = true);
            } else if (line.contains("end")) {
                break;
            }
            all.check();
            Thread.sleep(2);
        }
        all.end();
        System.exit(0);
    }

    private String progress() throws Exception {
        String counts = workers.stream().map(worker -> "\"" + worker.id + "\": " + worker.done.get()).collect(Collectors.joining(", "));
        return "{\"progress\": {\"done\": {" + counts + "}, \"written\": " + written() + ", \"drained\": " + drained() + "}}";
    }

    private boolean drained() throws Exception {
        if (!reader.readAll || !written()) {
            return false;
        }
        Map<TopicPartition, OffsetAndMetadata> copied =
                admin.listConsumerGroupOffsets(Copier.GROUP).partitionsToOffsetAndMetadata().get();
        return reader.ends().entrySet().stream().allMatch(
                end -> copied.get(end.getKey()) != null && copied.get(end.getKey()).offset() >= end.getValue());
    }

    private boolean written() {
        return workers.stream().noneMatch(worker -> !(worker instanceof Copier) && worker.isAlive());
    }

    private void check() {
        for (Worker worker : workers) {
            fail(worker.id, worker.failure);
        }
        fail("reader", reader.failure);
        fail("watcher", watcher.failure);
    }

    private static void fail(String who, Exception failure) {
        if (failure != null) {
            System.out.println("{\"error\": \"" + who + ": " + failure.toString().replaceAll("[\"\\\\\n]", "'") + "\"}");
            System.exit(1);
        }
    }

    private void end() throws InterruptedException {
        for (Worker worker : workers) {
            worker.ending = true;
            worker.join(JOIN_MS);
        }
        reader.ending = true;
        watcher.ending = true;
        reader.join(JOIN_MS);
        watcher.join(JOIN_MS);
        check();
        if (reader.isAlive() || watcher.isAlive() || workers.stream().anyMatch(Thread::isAlive)) {
            System.out.println("{\"error\": \"some do not end\"}");
            System.exit(1);
        }
        System.out.println("{\"result\": {\"read\": " + reader.count + ", \"held\": " + watcher.held + "}}");
    }
}
