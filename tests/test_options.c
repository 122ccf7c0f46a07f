/* The start of the program from words, in broker/options.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/options.h"

#define WORDS_MAX 16

struct fixture {
    struct config config;
    char path[64]; /* of a configuration file */
    char *out, *err;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    snprintf(f->path, sizeof f->path, "/tmp/dohle-test-options-XXXXXX");
    int descriptor = mkstemp(f->path);
    assert_true(descriptor >= 0);
    close(descriptor);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    config_release(&f->config);
    unlink(f->path);
    free(f->out);
    free(f->err);
    free(f);
    return 0;
}

static void write_file(struct fixture *f, const char *text)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Run with the words of `line` (FILE stands for the fixture's file) and of `environment`, both separated by spaces. */
static int run(struct fixture *f, const char *line, const char *environment)
{
    char *texts[] = {xstrdup(line), xstrdup(environment)};
    char *words[2][WORDS_MAX + 1] = {{"dohle"}, {NULL}};
    size_t counts[2] = {1, 0};
    for (int i = 0; i < 2; i++) {
        for (char *word = strtok(texts[i], " "); word != NULL; word = strtok(NULL, " ")) {
            assert_true(counts[i] < WORDS_MAX);
            words[i][counts[i]++] = strcmp(word, "FILE") == 0 ? f->path : word;
        }
    }
    if (f->config.settings != NULL) {
        config_release(&f->config);
    }
    free(f->out);
    free(f->err);
    size_t out_size;
    size_t err_size;
    FILE *out = open_memstream(&f->out, &out_size);
    FILE *err = open_memstream(&f->err, &err_size);
    int status = options_parse(&f->config, words[0], words[1], file_io_posix(), out, err);
    fclose(out);
    fclose(err);
    free(texts[0]);
    free(texts[1]);
    if (status == OPTIONS_RUN) {
        assert_string_equal(f->err, "");
    }
    return status;
}

static void assert_fails(struct fixture *f, const char *line, const char *environment, int status, const char *err)
{
    assert_int_equal(run(f, line, environment), status);
    assert_string_equal(f->out, "");
    assert_string_equal(f->err, err);
}

static void without_words_the_defaults_count(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, "", ""), OPTIONS_RUN);
    assert_int_equal(f->config.num_partitions, 1);
    assert_false(f->config.ephemeral);
}

static void help_and_version_are_printed_and_end_the_program_well(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, "--help", ""), 0);
    assert_non_null(strstr(f->out, "Usage: dohle"));
    assert_int_equal(run(f, "--version", ""), 0);
    assert_string_equal(f->out, "dohle " DOHLE_VERSION "\n");
    assert_string_equal(f->err, "");
}

static void the_command_line_wins_over_the_environment_and_that_over_the_file(void **state)
{
    struct fixture *f = *state;
    write_file(f, "num.partitions=2\nfetch.max.bytes=2222\nbroker.rack=file\n");
    assert_int_equal(run(f, "FILE --override num.partitions=4", "KAFKA_NUM_PARTITIONS=3 KAFKA_FETCH_MAX_BYTES=3333"),
                     OPTIONS_RUN);
    assert_int_equal(f->config.num_partitions, 4);
    assert_int_equal(f->config.fetch_max_bytes, 3333);
    assert_string_equal(f->config.broker_rack, "file");
}

static void options_may_stand_before_and_behind_the_file_and_carry_their_value(void **state)
{
    struct fixture *f = *state;
    write_file(f, "num.partitions=2\n");
    assert_int_equal(run(f, "--port=19 --data /a FILE --override=node.id=7", ""), OPTIONS_RUN);
    assert_int_equal(f->config.listeners[0].port, 19);
    assert_string_equal(f->config.log_dirs[0], "/a");
    assert_int_equal(f->config.node_id, 7);
    assert_int_equal(f->config.num_partitions, 2);
    assert_int_equal(run(f, "--ephemeral -- FILE", ""), OPTIONS_RUN);
    assert_true(f->config.ephemeral);
}

static void port_changes_the_first_listener_that_is_for_clients(void **state)
{
    struct fixture *f = *state;
    const char *line = "--override listeners=CONTROLLER://:1,PLAINTEXT://[::1]:2,B://h:3 --port 0 "
                       "--override listener.security.protocol.map=B:PLAINTEXT,CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT";
    assert_int_equal(run(f, line, ""), OPTIONS_RUN);
    assert_int_equal(f->config.listeners_count, 2);
    assert_string_equal(f->config.listeners[0].host, "::1");
    assert_int_equal(f->config.listeners[0].port, 0);
    assert_int_equal(f->config.listeners[1].port, 3);
}

static void a_wrong_command_line_is_a_usage_error(void **state)
{
    struct fixture *f = *state;
    assert_fails(f, "--prot 1", "", 64, "dohle: unknown option --prot; see --help\n");
    assert_fails(f, "-p", "", 64, "dohle: unknown option -p; see --help\n");
    assert_fails(f, "--port", "", 64, "dohle: --port needs a value; see --help\n");
    assert_fails(f, "--port x", "", 64, "dohle: --port x: must be a number from 0 to 65535\n");
    assert_fails(f, "--port 65536", "", 64, "dohle: --port 65536: must be a number from 0 to 65535\n");
    assert_fails(f, "a b", "", 64, "dohle: there can be one file, and b is the second; see --help\n");
    assert_fails(f, "--override x", "", 64, "dohle: --override x: must be NAME=VALUE\n");
    assert_fails(f, "--ephemeral --data /a", "", 64, "dohle: --ephemeral makes its own folder: leave out --data\n");
    assert_fails(f, "--data a,b", "", 64, "dohle: --data a,b: the name of one folder, without a comma\n");
}

static void an_unknown_override_is_an_error_with_the_nearest_name(void **state)
{
    struct fixture *f = *state;
    assert_fails(f, "--override num.partition=1", "", 64,
                 "dohle: --override num.partition: Kafka has no such setting; did you mean num.partitions?\n");
    assert_fails(f, "--override x=1", "", 64, "dohle: --override x: Kafka has no such setting\n");
}

static void a_bad_value_names_place_setting_and_what_is_allowed(void **state)
{
    struct fixture *f = *state;
    char expected[256];
    write_file(f, "# x\n\nnum.partitions = none\n");
    snprintf(expected, sizeof expected, "dohle: %s:3: num.partitions=none: must be an int, >= 1\n", f->path);
    assert_fails(f, "FILE", "", 78, expected);
    assert_fails(f, "", "KAFKA_NUM_PARTITIONS=0", 78,
                 "dohle: KAFKA_NUM_PARTITIONS: num.partitions=0: must be an int, >= 1\n");
    assert_fails(f, "--override num.partitions=", "", 78, "dohle: --override: num.partitions=: must be an int, >= 1\n");
}

static void a_bad_combination_names_the_place_of_one_of_them(void **state)
{
    struct fixture *f = *state;
    char expected[256];
    write_file(f, "listeners=A://:1\n");
    snprintf(expected, sizeof expected,
             "dohle: %s:1: listeners: A has no security protocol: add A:PLAINTEXT to listener.security.protocol.map\n",
             f->path);
    assert_fails(f, "FILE", "", 78, expected);
}

static void secrets_are_not_repeated_in_errors(void **state)
{
    struct fixture *f = *state;
    assert_fails(
        f, "--override ssl.key.password=geheim", "", 78,
        "dohle: --override: ssl.key.password: TLS is not served yet, and dohle does not start as if it were\n");
    assert_fails(f, "--override listener.name.a.ssl.key.password=geheim", "", 78,
                 "dohle: --override: listener.name.a.ssl.key.password: TLS is not served yet, and dohle does not start "
                 "as if it were\n");
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
    struct fixture *f = *state;
    assert_fails(f, "/nowhere/server.properties", "", 78,
                 "dohle: /nowhere/server.properties: No such file or directory\n");
    assert_fails(f, "/tmp", "", 78, "dohle: /tmp: Is a directory\n");
    char expected[256];
    write_file(f, "\na=\\u00zz\n");
    snprintf(expected, sizeof expected,
             "dohle: %s:2: \\u must be followed by four hexadecimal digits of a character other than 0000\n", f->path);
    assert_fails(f, "FILE", "", 78, expected);
}

/* Old settings and misspelled ones must not keep anybody from starting. */
static void unknown_names_in_a_file_are_passed_over(void **state)
{
    struct fixture *f = *state;
    write_file(f, "zookeeper.connect=x:2181\nnum.partition=4\nnum.partitions=5\n");
    assert_int_equal(run(f, "FILE", ""), OPTIONS_RUN);
    assert_int_equal(f->config.num_partitions, 5);
}

/* Kafka's images, Bitnami's images, Kubernetes' service variables. */
static void environment_names_follow_the_rule_of_kafkas_images(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(
        run(f, "",
            "KAFKA_HEAP_OPTS=-Xmx1g KAFKA_PORT=tcp://10.0.0.1:9092 KAFKA_=x KAFKA_CFG_=x KAFKA_VERSION=4.4.0 "
            "kafka_num_partitions=9 KAFKANUM_PARTITIONS=9 KAFKA_NUM__PARTITIONS=9 KAFKA_NUM___PARTITIONS=9 "
            "KAFKA_CFG_NODE_ID=3 KAFKA_NUM_PARTITIONS=6 NOVALUE"),
        OPTIONS_RUN);
    assert_int_equal(f->config.num_partitions, 6);
    assert_int_equal(f->config.node_id, 3);
}

static void listener_prefixed_names_in_the_environment_are_known(void **state)
{
    struct fixture *f = *state;
    assert_fails(
        f, "", "KAFKA_LISTENER_NAME_A_SSL_KEYSTORE_LOCATION=/k", 78,
        "dohle: KAFKA_LISTENER_NAME_A_SSL_KEYSTORE_LOCATION: listener.name.a.ssl.keystore.location: TLS is not served "
        "yet, and dohle does not start as if it were\n");
}

/* Shaped like the one that Apache Kafka ships: combined mode, controller listener and all. */
static void a_kafka_configuration_starts_unmodified(void **state)
{
    struct fixture *f = *state;
    write_file(f, "process.roles=broker,controller\n"
                  "node.id=1\n"
                  "controller.quorum.bootstrap.servers=localhost:9093\n"
                  "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                  "inter.broker.listener.name=PLAINTEXT\n"
                  "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
                  "controller.listener.names=CONTROLLER\n"
                  "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL\n"
                  "num.network.threads=3\n"
                  "log.dirs=/tmp/kraft-combined-logs\n"
                  "offsets.topic.replication.factor=1\n"
                  "log.retention.hours=168\n"
                  "log.segment.bytes=1073741824\n");
    assert_int_equal(run(f, "FILE", ""), OPTIONS_RUN);
    assert_int_equal(f->config.listeners_count, 1);
    assert_string_equal(f->config.listeners[0].advertised_host, "localhost");
    assert_int_equal(f->config.listeners[0].port, 9092);
    assert_string_equal(f->config.log_dirs[0], "/tmp/kraft-combined-logs");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_words_the_defaults_count, setup, teardown),
        cmocka_unit_test_setup_teardown(help_and_version_are_printed_and_end_the_program_well, setup, teardown),
        cmocka_unit_test_setup_teardown(the_command_line_wins_over_the_environment_and_that_over_the_file, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(options_may_stand_before_and_behind_the_file_and_carry_their_value, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(port_changes_the_first_listener_that_is_for_clients, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wrong_command_line_is_a_usage_error, setup, teardown),
        cmocka_unit_test_setup_teardown(an_unknown_override_is_an_error_with_the_nearest_name, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_value_names_place_setting_and_what_is_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_bad_combination_names_the_place_of_one_of_them, setup, teardown),
        cmocka_unit_test_setup_teardown(secrets_are_not_repeated_in_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_names_in_a_file_are_passed_over, setup, teardown),
        cmocka_unit_test_setup_teardown(environment_names_follow_the_rule_of_kafkas_images, setup, teardown),
        cmocka_unit_test_setup_teardown(listener_prefixed_names_in_the_environment_are_known, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kafka_configuration_starts_unmodified, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
