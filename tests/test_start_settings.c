/* Each setting's values at the start, against what Apache Kafka does with them: it starts, or refuses.
 *
 * tests/golden/settings has, of each setting, the least and the largest value with the next ones outside, words and
 * lists right and wrong, and the rules between settings at their edges. Here each line is what a file of settings says.
 */
#include "broker/config.h"
#include "tests/lib/golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static bool set_all(struct config *config, char *settings, char *error)
{
    char *rest = settings;
    for (char *text; (text = strsep(&rest, "\t")) != NULL;) {
        char *value = strchr(text, '=');
        assert_non_null(value);
        *value++ = '\0';
        if (!config_set(config, text, value, "here", error))
            return false;
    }
    return true;
}

static bool starts(const char *base, const char *settings, char *error)
{
    struct config config;
    char *texts = xcalloc(strlen(base) + strlen(settings) + 1, 1);
    config_init(&config);
    strcat(strcpy(texts, base), settings);
    bool started = set_all(&config, texts, error) && config_finish(&config, error);
    config_release(&config);
    free(texts);
    return started;
}

/* What dohle does otherwise on purpose: all lines of the recordings that begin so. */
static struct difference {
    const char *settings, *because;
    int seen;
} differences[] = {
    {"controller.listener.names=",                                     "no listener of controllers is opened, so none has to be there",    0},
    {"controller.quorum.bootstrap.servers=",                           "a single node needs none",                                         0},
    {"process.roles=broker",                                           "this node is its own controller, whatever it is called",           0},
    {"listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093", "each client is told the address it came to",                       0},
    {"listeners=PLAINTEXT://localhost:9092",                           "no listener of controllers is opened",                             0},
    {"log.cleaner.min.cleanable.ratio=",                               "doubles that only Java writes so, and NaN",                        0},
    {"log.cleaner.io.max.bytes.per.second=",                           "doubles beyond a double's range, and NaN",                         0},
    {"group.consumer.assignors=range,org",                             "two names of one assignor; they do nothing yet",                   0},
    {"group.share.assignors=simple,org",                               "two names of one assignor; they do nothing yet",                   0},
    {"log.flush.interval.ms=-",                                        "Kafka reads it and does not start, as started.txt has it",         0},
    {"log.flush.scheduler.interval.ms=-",                              "Kafka reads it and does not start, as started.txt has it",         0},
    {"log.dirs=FOLDER/x,FOLDER/x/",                                    "the lock of the second one is taken: the broker does not start",   0},
    {"metadata.log.segment.ms=-",                                      "Kafka reads it and does not start, as started.txt has it",         0},
    {"metrics.recording.level=",                                       "Kafka reads it and does not start, as started.txt has it",         0},
    {"socket.receive.buffer.bytes=-2",                                 "Kafka reads it and does not start, as started.txt has it",         0},
    {"socket.send.buffer.bytes=-2",                                    "Kafka reads it and cannot be connected to, as started.txt has it", 0},
    {"listeners=PLAINTEXT://localhost:-1",                             "Kafka reads it, and does not start",                               0},
    {"listeners=PLAINTEXT://localhost:65536",                          "Kafka reads it, and does not start",                               0},
    {"advertised.listeners=PLAINTEXT://a:-1",                          "Kafka reads it and does not start, as started.txt has it",         0},
    {"advertised.listeners=PLAINTEXT://a:65536",                       "Kafka reads it and does not start, as started.txt has it",         0},
    {"internal.metadata.log.segment.bytes=1",                          "Kafka's first record does not fit; here it has no effect",         0},
};

static bool is_on_purpose(const char *settings)
{
    for (size_t i = 0; i < COUNT_OF(differences); i++) {
        if (strncmp(settings, differences[i].settings, strlen(differences[i].settings)) == 0) {
            differences[i].seen++;
            return true;
        }
    }
    int row = config_find((struct kp_string){settings, (int32_t)strcspn(settings, "=")});
    return row >= 0 && config_definitions[row].effect >= CONFIG_REFUSED_TLS;
}

/* Compares all lines of a recording; returns how many differ. Each setting that a line names is marked in `named`. */
static int compare(const char *name, bool *named)
{
    struct golden golden;
    char base[1024] = "";
    char error[CONFIG_ERROR_SIZE];
    int wrong = 0;
    golden_open(&golden, name);
    while (golden_next(&golden)) {
        if (strcmp(golden.word, "base") == 0) {
            size_t used = strlen(base);
            snprintf(base + used, sizeof base - used, "%s\t", golden.rest);
            continue;
        }
        *error = '\0';
        bool accepted = strcmp(golden.word, "accepted") == 0;
        int row = config_find((struct kp_string){golden.rest, (int32_t)strcspn(golden.rest, "=")});
        if (row >= 0)
            named[row] = true;
        if (starts(base, golden.rest, error) != accepted && !is_on_purpose(golden.rest)) {
            print_error("%s: Kafka %s it: %s\n", golden.rest, golden.word, error);
            wrong++;
        }
    }
    golden_close(&golden);
    return wrong;
}

static void what_kafka_starts_with_is_accepted_and_what_it_refuses_is_refused(void **state)
{
    (void)state;
    bool *named = xcalloc((size_t)config_definitions_count, sizeof *named);
    int wrong = compare("settings/read.txt", named) + compare("settings/started.txt", named);
    for (int i = 0; i < config_definitions_count; i++) {
        if (!named[i])
            fail_msg("%s is not among the settings that Kafka was asked about", config_definitions[i].name);
    }
    for (size_t i = 0; i < COUNT_OF(differences); i++) {
        if (differences[i].seen == 0)
            fail_msg("%s is no difference (any more)", differences[i].settings);
    }
    free(named);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_kafka_starts_with_is_accepted_and_what_it_refuses_is_refused),
    };
    return cmocka_run_group_tests_name("start_settings", tests, NULL, NULL);
}
