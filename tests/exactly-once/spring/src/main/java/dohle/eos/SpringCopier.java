package dohle.eos;

import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.kafka.annotation.EnableKafka;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.config.ConcurrentKafkaListenerContainerFactory;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.core.DefaultKafkaProducerFactory;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.DefaultAfterRollbackProcessor;
import org.springframework.kafka.transaction.KafkaTransactionManager;
import org.springframework.util.backoff.FixedBackOff;

/**
 * BOOTSTRAP: a listener container copies topic "in" to "out", each record with its offset in a transaction, of which some fail when
 * the copy is sent and are tried again. Before, a transactional template sends "template": each transaction of two records, each
 * third one fails. A line on standard input ends it.
 */
@Configuration
@EnableKafka
public class SpringCopier {
    private static final int TEMPLATE_TRANSACTIONS = 60;
    private static final AtomicLong COPIES = new AtomicLong();
    private static String bootstrap;

    public static void main(String[] args) throws Exception {
        bootstrap = args[0];
        try (AnnotationConfigApplicationContext context = new AnnotationConfigApplicationContext(SpringCopier.class)) {
            System.in.read();
        }
        System.out.println("{\"result\": {}}");
        System.exit(0);
    }

    @Bean
    public DefaultKafkaProducerFactory<String, String> producers() {
        Map<String, Object> configs = new HashMap<>();
        configs.put(ProducerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        configs.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, StringSerializer.class);
        configs.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, StringSerializer.class);
        configs.put(ProducerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, 200);
        configs.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, 5000); // what a killed process left open is waited for
        DefaultKafkaProducerFactory<String, String> factory = new DefaultKafkaProducerFactory<>(configs);
        factory.setTransactionIdPrefix("spring-");
        return factory;
    }

    @Bean
    public KafkaTemplate<String, String> template(DefaultKafkaProducerFactory<String, String> producers) {
        sendByTemplate(producers);
        return new KafkaTemplate<>(producers);
    }

    /** All of them are over when copies begin, and this process may be killed: so they have all the time. */
    private static void sendByTemplate(DefaultKafkaProducerFactory<String, String> producers) {
        KafkaTemplate<String, String> template = new KafkaTemplate<>(producers, Map.of(
                ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, 600_000, ProducerConfig.MAX_BLOCK_MS_CONFIG, 600_000));
        template.setTransactionIdPrefix("template-");
        String life = String.valueOf(System.nanoTime());
        for (int i = 0; i < TEMPLATE_TRANSACTIONS; i++) {
            int number = i;
            try {
                template.executeInTransaction(operations -> {
                    operations.send("template", 0, life, number + " first");
                    operations.send("template", 1, life, number + " second");
                    if (number % 3 == 0) {
                        operations.flush();
                        throw new IllegalStateException("this one is to fail");
                    }
                    return true;
                });
            } catch (IllegalStateException expected) {
                continue;
            }
        }
    }

    @Bean
    public ConcurrentKafkaListenerContainerFactory<String, String> kafkaListenerContainerFactory(
            DefaultKafkaProducerFactory<String, String> producers) {
        Map<String, Object> configs = new HashMap<>();
        configs.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, bootstrap);
        configs.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
        configs.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, StringDeserializer.class);
        configs.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed");
        configs.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
        configs.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, "one");
        configs.put(ConsumerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, 200);
        ConcurrentKafkaListenerContainerFactory<String, String> factory = new ConcurrentKafkaListenerContainerFactory<>();
        factory.setConsumerFactory(new DefaultKafkaConsumerFactory<>(configs));
        factory.setConcurrency(2);
        factory.getContainerProperties().setKafkaAwareTransactionManager(new KafkaTransactionManager<>(producers));
        factory.getContainerProperties().setEosMode(ContainerProperties.EOSMode.V2);
        factory.setAfterRollbackProcessor(new DefaultAfterRollbackProcessor<>(new FixedBackOff(0, FixedBackOff.UNLIMITED_ATTEMPTS)));
        return factory;
    }

    @Bean
    public Copying copying(KafkaTemplate<String, String> template) {
        return new Copying(template);
    }

    /** The listener. */
    public static final class Copying {
        private final KafkaTemplate<String, String> template;
        private final Random random = new Random(1);

        Copying(KafkaTemplate<String, String> template) {
            this.template = template;
        }

        @KafkaListener(id = "copier", topics = "in")
        public void copy(ConsumerRecord<String, String> record) {
            template.send("out", record.partition(), record.key(), record.value());
            if (random.nextInt(10) == 0) {
                template.flush();
                throw new IllegalStateException("this one is to fail");
            }
            System.out.println("{\"progress\": " + COPIES.incrementAndGet() + "}");
        }
    }
}
