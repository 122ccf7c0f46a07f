/* Kafka's settings of addresses: listeners, advertised.listeners, listener.security.protocol.map and the names of the
 * controller's listeners, read together into the listeners that clients may use. */
#ifndef DOHLE_BROKER_LISTENER_CONFIG_H
#define DOHLE_BROKER_LISTENER_CONFIG_H

#include "../protocol/base.h"

#include <stdbool.h>
#include <stdint.h>

/* One address that the broker listens on, as configured; listener.c binds it (several sockets for localhost). */
struct listener {
    char *name;              /* upper case, such as PLAINTEXT */
    char *host;              /* as configured, without brackets; empty: all interfaces; localhost: 127.0.0.1 and ::1 */
    int32_t port;            /* 0 while any free one is asked for; the bound one once listening */
    char *advertised_host;   /* without brackets; NULL: the address that each client connected to */
    int32_t advertised_port; /* 0: the port that each client connected to */
    int32_t max_connections; /* listener.name.NAME.max.connections; -1: none of its own */
    int32_t max_connection_creation_rate; /* the same; -1: the broker's */
};

/* The settings as text (canonical lists); NULL where not set. */
struct listener_settings {
    const char *listeners;
    const char *advertised_listeners;
    const char *security_protocol_map;
    bool security_protocol_map_set; /* by the user: then it must name every listener */
    const char *controller_names;   /* these listeners are left out */
    const char *inter_broker_name;  /* must be among the listeners */
};

/* Read the settings into *listeners (malloc'ed, at least one) and *count. On failure false, and `error`
 * (CONFIG_ERROR_SIZE) is one sentence that begins with the setting's name. */
bool listener_config_parse(const struct listener_settings *settings, struct listener **listeners, int32_t *count,
                           char *error) WARN_UNUSED;
void listener_config_release(struct listener *listeners, int32_t count);

#endif
