/* Listeners from Kafka's settings.
 *
 *     listeners                       NAME://HOST:PORT,...          what to bind
 *     listener.security.protocol.map  NAME:PROTOCOL,...             how to talk there; PLAINTEXT is what dohle can
 *     controller.listener.names       NAME,...                      of these none is opened
 *     advertised.listeners            NAME://HOST:PORT,...          what clients of each are told
 *
 * A name that appears in `listeners` has to be in the map; without a map of the user's own, the four protocols are
 * names of themselves and the controller's names are plaintext (KIP-103, KIP-631). Names are compared in upper case.
 * The same port may appear twice only as one IPv4 and one IPv6 address (KIP-797), or as 0. Unlike in Kafka a listener
 * on 0.0.0.0 needs no advertised address, because each client can be told the one that it connected to. */
#include "listener_config.h"

#include "config_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#define HOST_SIZE_MAX 256
#define NAME_SIZE_MAX 128

/* NAME://HOST:PORT taken apart. */
struct endpoint {
    char name[NAME_SIZE_MAX];
    char host[HOST_SIZE_MAX];
    int32_t port;
};

static bool fail(char *error, const char *format, ...) PRINTF_LIKE(2, 3);
static bool fail(char *error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, CONFIG_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return false;
}

/* Copy `size` characters, upper case, into a buffer of NAME_SIZE_MAX. */
static bool copy_name(char *to, const char *from, size_t size)
{
    if (size == 0 || size >= NAME_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        to[i] = (char)toupper((unsigned char)from[i]);
    }
    to[size] = '\0';
    return true;
}

static bool parse_port(const char *text, size_t size, int32_t *port)
{
    if (size == 0 || size > 5 || strspn(text, "0123456789") < size) {
        return false;
    }
    *port = 0;
    for (size_t i = 0; i < size; i++) {
        *port = *port * 10 + (text[i] - '0');
    }
    return *port <= UINT16_MAX;
}

static bool parse_endpoint(const char *item, size_t size, struct endpoint *endpoint)
{
    const char *end = item + size;
    const char *separator = memmem(item, size, "://", 3);
    if (separator == NULL || !copy_name(endpoint->name, item, (size_t)(separator - item))) {
        return false;
    }
    const char *host = separator + 3;
    const char *colon = memrchr(host, ':', (size_t)(end - host));
    if (colon == NULL || !parse_port(colon + 1, (size_t)(end - colon - 1), &endpoint->port)) {
        return false;
    }
    const char *host_end = colon;
    if (host < host_end && *host == '[') {
        if (host_end[-1] != ']') {
            return false;
        }
        host++;
        host_end--;
    }
    size_t host_size = (size_t)(host_end - host);
    if (host_size >= HOST_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < host_size; i++) {
        if (!isalnum((unsigned char)host[i]) && strchr("-%._:", host[i]) == NULL) {
            return false;
        }
    }
    memcpy(endpoint->host, host, host_size);
    endpoint->host[host_size] = '\0';
    return true;
}

static bool list_has_name(const char *list, const char *name)
{
    const char *item;
    size_t size;
    while (list != NULL && config_list_next(&list, &item, &size)) {
        if (size == strlen(name) && strncasecmp(item, name, size) == 0) {
            return true;
        }
    }
    return false;
}

/* Set *protocol to what the map says of `name`, of *size characters; NULL when it says nothing. */
static bool find_protocol(const struct listener_settings *settings, const char *name, const char **protocol,
                          size_t *size, char *error)
{
    *protocol = NULL;
    const char *rest = settings->security_protocol_map;
    const char *item;
    size_t item_size;
    while (config_list_next(&rest, &item, &item_size)) {
        const char *colon = memrchr(item, ':', item_size);
        if (colon == NULL) {
            return fail(error, "listener.security.protocol.map: \"%.*s\" is not NAME:PROTOCOL", (int)item_size, item);
        }
        const char *value = colon + 1;
        size_t value_size = item_size - (size_t)(value - item);
        static const char *const protocols[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
        bool known = false;
        for (size_t i = 0; i < COUNT_OF(protocols); i++) {
            known |= strlen(protocols[i]) == value_size && strncasecmp(protocols[i], value, value_size) == 0;
        }
        if (!known) {
            return fail(
                error,
                "listener.security.protocol.map: \"%.*s\" must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
                (int)value_size, value);
        }
        if ((size_t)(colon - item) == strlen(name) && strncasecmp(item, name, strlen(name)) == 0) {
            *protocol = value;
            *size = value_size;
        }
    }
    if (*protocol == NULL && !settings->security_protocol_map_set && list_has_name(settings->controller_names, name)) {
        *protocol = "PLAINTEXT";
        *size = strlen(*protocol);
    }
    return true;
}

/* Controller listeners may have any protocol: they are not opened. */
static bool check_protocol(const struct listener_settings *settings, const char *name, char *error)
{
    const char *protocol;
    size_t size;
    if (!find_protocol(settings, name, &protocol, &size, error)) {
        return false;
    }
    if (protocol == NULL) {
        return fail(error, "listeners: %s has no security protocol: add %s:PLAINTEXT to listener.security.protocol.map",
                    name, name);
    }
    if (!list_has_name(settings->controller_names, name) &&
        (size != strlen("PLAINTEXT") || strncasecmp(protocol, "PLAINTEXT", size) != 0)) {
        return fail(error, "listeners: %s uses %.*s, which is not served yet; only PLAINTEXT is", name, (int)size,
                    protocol);
    }
    return true;
}

/* 4, 6, or 0 for a name. */
static int ip_version(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 ? 4 : inet_pton(AF_INET6, host, &address) == 1 ? 6 : 0;
}

static bool check_distinct(const struct endpoint *endpoints, int count, char *error)
{
    for (int i = 0; i < count; i++) {
        const struct endpoint *one = &endpoints[i];
        for (int j = i + 1; j < count; j++) {
            const struct endpoint *other = &endpoints[j];
            if (strcmp(one->name, other->name) == 0) {
                return fail(error, "listeners: each listener must have a different name, %s is there twice", one->name);
            }
            if (one->port != 0 && one->port == other->port &&
                ip_version(one->host) + ip_version(other->host) != 4 + 6) {
                return fail(
                    error,
                    "listeners: %s and %s must have different ports, or one an IPv4 and the other an IPv6 address",
                    one->name, other->name);
            }
        }
    }
    return true;
}

/* Items of `list` into malloc'ed *endpoints. */
static bool parse_endpoints(const char *setting, const char *list, struct endpoint **endpoints, int *count, char *error)
{
    *endpoints = NULL;
    *count = 0;
    const char *item;
    size_t size;
    while (config_list_next(&list, &item, &size)) {
        *endpoints = xrealloc(*endpoints, (size_t)(*count + 1) * sizeof **endpoints);
        if (!parse_endpoint(item, size, &(*endpoints)[*count])) {
            return fail(error, "%s: \"%.*s\" is not NAME://HOST:PORT with a port from 0 to 65535", setting, (int)size,
                        item);
        }
        (*count)++;
    }
    return true;
}

static struct listener *find_listener(struct listener *listeners, int32_t count, const char *name)
{
    for (int32_t i = 0; i < count; i++) {
        if (strcasecmp(listeners[i].name, name) == 0) {
            return &listeners[i];
        }
    }
    return NULL;
}

static bool advertise(const struct listener_settings *settings, struct listener *listeners, int32_t count, char *error)
{
    struct endpoint *endpoints = NULL;
    int endpoints_count = 0;
    bool ok =
        parse_endpoints("advertised.listeners", settings->advertised_listeners, &endpoints, &endpoints_count, error);
    int advertised = 0;
    for (int i = 0; ok && i < endpoints_count; i++) {
        struct endpoint *endpoint = &endpoints[i];
        struct listener *listener = find_listener(listeners, count, endpoint->name);
        if (list_has_name(settings->controller_names, endpoint->name)) {
            continue;
        }
        if (listener == NULL) {
            ok = fail(error, "advertised.listeners: %s is not among the listeners", endpoint->name);
        } else if (listener->advertised_host != NULL || listener->advertised_port != 0) {
            ok = fail(error, "advertised.listeners: %s is there twice", endpoint->name);
        } else if (strcmp(endpoint->host, "0.0.0.0") == 0 || strcmp(endpoint->host, "::") == 0) {
            ok = fail(error, "advertised.listeners: %s is no address that a client can connect to", endpoint->host);
        } else {
            listener->advertised_host = *endpoint->host == '\0' ? NULL : xstrdup(endpoint->host);
            listener->advertised_port = endpoint->port;
            advertised++;
        }
    }
    if (ok && advertised == 0) {
        ok = fail(error, "advertised.listeners: there is none for clients");
    }
    free(endpoints);
    return ok;
}

bool listener_config_parse(const struct listener_settings *settings, struct listener **listeners, int32_t *count,
                           char *error)
{
    *listeners = NULL;
    *count = 0;
    struct endpoint *endpoints = NULL;
    int endpoints_count = 0;
    if (!parse_endpoints("listeners", settings->listeners, &endpoints, &endpoints_count, error) ||
        !check_distinct(endpoints, endpoints_count, error)) {
        goto fail;
    }
    *listeners = xcalloc((size_t)endpoints_count + 1, sizeof **listeners);
    for (int i = 0; i < endpoints_count; i++) {
        const struct endpoint *endpoint = &endpoints[i];
        if (!check_protocol(settings, endpoint->name, error)) {
            goto fail;
        }
        if (!list_has_name(settings->controller_names, endpoint->name)) {
            (*listeners)[(*count)++] = (struct listener){.name = xstrdup(endpoint->name),
                                                         .host = xstrdup(endpoint->host),
                                                         .port = endpoint->port,
                                                         .max_connections = -1,
                                                         .max_connection_creation_rate = -1};
        }
    }
    if (*count == 0) {
        fail(error, "listeners: there is none for clients (those in controller.listener.names are not opened)");
        goto fail;
    }
    if (settings->advertised_listeners != NULL && !advertise(settings, *listeners, *count, error)) {
        goto fail;
    }
    if (settings->inter_broker_name != NULL && find_listener(*listeners, *count, settings->inter_broker_name) == NULL) {
        fail(error, "inter.broker.listener.name: %s is not among the listeners", settings->inter_broker_name);
        goto fail;
    }
    free(endpoints);
    return true;

fail:
    free(endpoints);
    listener_config_release(*listeners, *count);
    *listeners = NULL;
    *count = 0;
    return false;
}

void listener_config_release(struct listener *listeners, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        free(listeners[i].name);
        free(listeners[i].host);
        free(listeners[i].advertised_host);
    }
    free(listeners);
}
