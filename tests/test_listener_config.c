/* Addresses from Kafka's settings, in broker/listener_config.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/config_value.h"
#include "broker/listener_config.h"

#define DEFAULT_MAP "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"

/* Parse, and write the listeners as "NAME HOST PORT ADVERTISED_HOST ADVERTISED_PORT\n", or the error. */
static const char *parse(const struct listener_settings *settings)
{
    static char text[2048];
    struct listener *listeners;
    int32_t count;
    if (!listener_config_parse(settings, &listeners, &count, text)) {
        assert_null(listeners);
        return text;
    }
    size_t used = 0;
    for (int32_t i = 0; i < count; i++) {
        const struct listener *listener = &listeners[i];
        used += (size_t)snprintf(text + used, sizeof text - used, "%s %s %d %s %d\n", listener->name, listener->host,
                                 listener->port, listener->advertised_host ? listener->advertised_host : "-",
                                 listener->advertised_port);
    }
    listener_config_release(listeners, count);
    return text;
}

struct row {
    const char *listeners, *advertised, *map, *inter_broker;
    const char *expected;
};

static void assert_row(struct row row)
{
    struct listener_settings settings = {
        .listeners = row.listeners,
        .advertised_listeners = row.advertised,
        .security_protocol_map = row.map != NULL ? row.map : DEFAULT_MAP,
        .security_protocol_map_set = row.map != NULL,
        .controller_names = "CONTROLLER",
        .inter_broker_name = row.inter_broker,
    };
    assert_string_equal(parse(&settings), row.expected);
}

static void listeners_are_taken_apart(void **state)
{
    (void)state;
    assert_row((struct row){.listeners = "PLAINTEXT://:9092", .expected = "PLAINTEXT  9092 - 0\n"});
    assert_row((struct row){.listeners = "plaintext://localhost:0", .expected = "PLAINTEXT localhost 0 - 0\n"});
    assert_row((struct row){.listeners = "PLAINTEXT://0.0.0.0:9092", .expected = "PLAINTEXT 0.0.0.0 9092 - 0\n"});
    assert_row((struct row){.listeners = "PLAINTEXT://[::1]:9092", .expected = "PLAINTEXT ::1 9092 - 0\n"});
    assert_row((struct row){.listeners = "PLAINTEXT://[fe80::1%eth0]:65535",
                            .expected = "PLAINTEXT fe80::1%eth0 65535 - 0\n"});
    assert_row((struct row){.listeners = "A://h-1.example:1,B://h_2:2",
                            .map = "A:PLAINTEXT,b:plaintext",
                            .expected = "A h-1.example 1 - 0\nB h_2 2 - 0\n"});
    assert_row((struct row){.listeners = "PLAINTEXT://127.0.0.1:1,A://[::1]:1",
                            .map = "A:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                            .expected = "PLAINTEXT 127.0.0.1 1 - 0\nA ::1 1 - 0\n"});
    assert_row((struct row){.listeners = "PLAINTEXT://:0,A://:0",
                            .map = "A:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                            .expected = "PLAINTEXT  0 - 0\nA  0 - 0\n"});
}

static void controller_listeners_are_checked_but_not_opened(void **state)
{
    (void)state;
    assert_row((struct row){.listeners = "PLAINTEXT://:9092,CONTROLLER://:9093", .expected = "PLAINTEXT  9092 - 0\n"});
    assert_row((struct row){.listeners = "CONTROLLER://:9093,PLAINTEXT://:9092",
                            .map = "CONTROLLER:SSL,PLAINTEXT:PLAINTEXT",
                            .expected = "PLAINTEXT  9092 - 0\n"});
    assert_row((struct row){.listeners = "PLAINTEXT://:9092,CONTROLLER://:9093",
                            .advertised = "PLAINTEXT://h:1,CONTROLLER://h:2",
                            .expected = "PLAINTEXT  9092 h 1\n"});
    assert_row((struct row){
        .listeners = "CONTROLLER://:9093",
        .expected = "listeners: there is none for clients (those in controller.listener.names are not opened)"});
}

static void what_clients_are_told_goes_with_the_listener_of_that_name(void **state)
{
    (void)state;
    assert_row((struct row){.listeners = "A://:1,B://:2",
                            .map = "A:PLAINTEXT,B:PLAINTEXT",
                            .advertised = "b://[2001:db8::1]:12",
                            .expected = "A  1 - 0\nB  2 2001:db8::1 12\n"});
    assert_row((struct row){.listeners = "A://:1,B://:2",
                            .map = "A:PLAINTEXT,B:PLAINTEXT",
                            .advertised = "A://h:5,B://h:5",
                            .expected = "A  1 h 5\nB  2 h 5\n"}); /* the same port is fine here */
    assert_row((struct row){
        .listeners = "PLAINTEXT://:9092", .advertised = "PLAINTEXT://:19092", .expected = "PLAINTEXT  9092 - 19092\n"});
}

static void wrong_settings_are_refused_with_a_sentence(void **state)
{
    (void)state;
    assert_row((struct row){
        .listeners = "",
        .expected = "listeners: there is none for clients (those in controller.listener.names are not opened)"});
    assert_row(
        (struct row){.listeners = "PLAINTEXT",
                     .expected = "listeners: \"PLAINTEXT\" is not NAME://HOST:PORT with a port from 0 to 65535"});
    assert_row((struct row){.listeners = "://h:1",
                            .expected = "listeners: \"://h:1\" is not NAME://HOST:PORT with a port from 0 to 65535"});
    assert_row(
        (struct row){.listeners = "PLAINTEXT://h",
                     .expected = "listeners: \"PLAINTEXT://h\" is not NAME://HOST:PORT with a port from 0 to 65535"});
    assert_row(
        (struct row){.listeners = "PLAINTEXT://h:",
                     .expected = "listeners: \"PLAINTEXT://h:\" is not NAME://HOST:PORT with a port from 0 to 65535"});
    assert_row((struct row){
        .listeners = "PLAINTEXT://h:65536",
        .expected = "listeners: \"PLAINTEXT://h:65536\" is not NAME://HOST:PORT with a port from 0 to 65535"});
    assert_row((struct row){.listeners = "PLAINTEXT://h:-1",
                            .expected =
                                "listeners: \"PLAINTEXT://h:-1\" is not NAME://HOST:PORT with a port from 0 to 65535"});
    assert_row((struct row){
        .listeners = "PLAINTEXT://[::1:9092",
        .expected = "listeners: \"PLAINTEXT://[::1:9092\" is not NAME://HOST:PORT with a port from 0 to 65535"});
    assert_row((struct row){
        .listeners = "PLAINTEXT://h/x:1",
        .expected = "listeners: \"PLAINTEXT://h/x:1\" is not NAME://HOST:PORT with a port from 0 to 65535"});
    assert_row(
        (struct row){.listeners = "PLAINTEXT://:1,plaintext://:2",
                     .expected = "listeners: each listener must have a different name, PLAINTEXT is there twice"});
    assert_row((struct row){.listeners = "PLAINTEXT://:1,CONTROLLER://:1",

                            .expected = "listeners: PLAINTEXT and CONTROLLER must have different ports, or one an IPv4 "
                                        "and the other an IPv6 address"});
    assert_row((struct row){.listeners = "PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.2:1",

                            .expected = "listeners: PLAINTEXT and CONTROLLER must have different ports, or one an IPv4 "
                                        "and the other an IPv6 address"});
    assert_row((struct row){
        .listeners = "A://:1",
        .expected = "listeners: A has no security protocol: add A:PLAINTEXT to listener.security.protocol.map"});
    assert_row((struct row){.listeners = "PLAINTEXT://:1,CONTROLLER://:2",
                            .map = "PLAINTEXT:PLAINTEXT",

                            .expected = "listeners: CONTROLLER has no security protocol: add CONTROLLER:PLAINTEXT to "
                                        "listener.security.protocol.map"});
    assert_row((struct row){.listeners = "SSL://:1",
                            .expected = "listeners: SSL uses SSL, which is not served yet; only PLAINTEXT is"});
    assert_row(
        (struct row){.listeners = "A://:1",
                     .map = "A:SASL_PLAINTEXT",
                     .expected = "listeners: A uses SASL_PLAINTEXT, which is not served yet; only PLAINTEXT is"});
    assert_row((struct row){
        .listeners = "A://:1",
        .map = "A:TLS",

        .expected = "listener.security.protocol.map: \"TLS\" must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"});
    assert_row((struct row){
        .listeners = "A://:1", .map = "A", .expected = "listener.security.protocol.map: \"A\" is not NAME:PROTOCOL"});
    assert_row((struct row){.listeners = "PLAINTEXT://:1",
                            .advertised = "A://h:1",
                            .expected = "advertised.listeners: A is not among the listeners"});
    assert_row((struct row){.listeners = "PLAINTEXT://:1",
                            .advertised = "PLAINTEXT://h:1,PLAINTEXT://i:1",
                            .expected = "advertised.listeners: PLAINTEXT is there twice"});
    assert_row((struct row){.listeners = "PLAINTEXT://:1",
                            .advertised = "PLAINTEXT://0.0.0.0:1",
                            .expected = "advertised.listeners: 0.0.0.0 is no address that a client can connect to"});
    assert_row((struct row){.listeners = "PLAINTEXT://:1",
                            .inter_broker = "B",
                            .expected = "inter.broker.listener.name: B is not among the listeners"});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listeners_are_taken_apart),
        cmocka_unit_test(controller_listeners_are_checked_but_not_opened),
        cmocka_unit_test(what_clients_are_told_goes_with_the_listener_of_that_name),
        cmocka_unit_test(wrong_settings_are_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
