import org.apache.kafka.common.metrics.*;
import org.apache.kafka.common.metrics.stats.*;
import org.apache.kafka.common.MetricName;
import java.util.*;
import java.util.concurrent.TimeUnit;
/* Prints the figures of tests/test_quota.c: random records, and for how long Apache Kafka's Rate and TokenBucket have one
  * wait after each. Run it with the jars that tests/kafka/kafka fetch keeps:
  *
  *     java -cp 'FOLDER/server/*' tests/golden/quotas/Figures.java
  */
public class Figures {
    static void rate(int samples, int size, double limit, long seed, int n, long maxGap) {
        MetricConfig c = new MetricConfig().timeWindow(size, TimeUnit.SECONDS).samples(samples).quota(new Quota(limit, true));
        Rate r = new Rate();
        Random rnd = new Random(seed);
        long t = 1000;
        for (int i = 0; i < n; i++) {
            t += rnd.nextInt(8) == 0 ? rnd.nextInt((int)(maxGap * 30)) : rnd.nextInt((int)maxGap);
            long v = rnd.nextInt(5) == 0 ? rnd.nextInt(40000) : rnd.nextInt(3000);
            r.record(c, v, t);
            double value = r.measure(c, t);
            long w = r.windowSize(c, t);
            long th = value <= limit ? 0 : Math.round((value - limit) / limit * w);
            System.out.printf("    {%d, %d, %s, %d, %d, %d},%n", samples, size * 1000, limit, t, v, th);
        }
    }
    static void bucket(int samples, int size, double limit, long seed, int n) {
        MetricConfig c = new MetricConfig().timeWindow(size, TimeUnit.SECONDS).samples(samples).quota(new Quota(limit, true));
        TokenBucket b = new TokenBucket();
        Random rnd = new Random(seed);
        long t = 1000000;
        for (int i = 0; i < n; i++) {
            t += rnd.nextInt(3000);
            long v = rnd.nextInt(4) == 0 ? rnd.nextInt(30) : rnd.nextInt(3);
            b.record(c, v, t);
            double value = b.measure(c, t);
            long th = value < 0 ? Math.round(-value / limit * 1000) : 0;
            System.out.printf("    {%d, %d, %s, %d, %d, %d},%n", samples, size * 1000, limit, t, v, th);
        }
    }
    public static void main(String[] a) {
        System.out.println("RATES"); rate(11, 1, 500, 1, 28, 1500); rate(3, 2, 800.5, 7, 20, 1700); rate(1, 1, 100, 3, 12, 900);
        System.out.println("BUCKETS"); bucket(11, 1, 1.5, 2, 24); bucket(2, 3, 0.75, 5, 16);
    }
}
