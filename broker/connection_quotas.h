/* How many connections a second are taken (KIP-402, KIP-612): in all (max.connection.creation.rate), of one listener
 * (listener.name.NAME.max.connection.creation.rate), and of one client address (client quota connection_creation_rate
 * of an ip entity).
 *
 * Above a limit of the broker or of a listener the connection waits until the rate is back at it, and the listener
 * takes no other meanwhile; above that of its address it is not served, and closed after as long. Neither is longer
 * than one window. Pure; times are monotonic.
 *
 * And how many of one address are open at once. */
#ifndef DOHLE_BROKER_CONNECTION_QUOTAS_H
#define DOHLE_BROKER_CONNECTION_QUOTAS_H

#include "client_quotas.h"
#include "config.h"
#include "quota_rate.h"

#define IP_ADDRESS_BYTES 16 /* of IPv6; those of IPv4 are mapped into it */

/* The address that a name stands for, "localhost" or the text of one. False: it is neither. Names that have to be asked
 * for are not resolved. */
bool ip_address_parse(struct kp_string name, uint8_t address[IP_ADDRESS_BYTES]) WARN_UNUSED;

/* The most connections of one client address: what max.connections.per.ip.overrides says of it, the last when it is
 * there twice, or else max.connections.per.ip. */
int32_t connection_quotas_most_of(const struct config *config, const uint8_t address[IP_ADDRESS_BYTES]);

struct connection_quotas {
    const struct config *config;
    const struct client_quotas *values;
    struct quota_windows windows;
    struct quota_rate all;
    struct quota_rate *of_listeners; /* by index */
    struct hash_map addresses;       /* struct address_quota: those with a rate that counts */
    struct list by_use;              /* the same; the one that was used longest ago first */
    struct address_limit *limits;    /* of `values` in `version`, by address */
    int32_t limits_count;
    double default_limit; /* of an address without one */
    uint32_t version;
};

/* What is pointed to is borrowed; the listeners are those of `config`. */
void connection_quotas_init(struct connection_quotas *quotas, const struct config *config,
                            const struct client_quotas *values, uint64_t seed);
void connection_quotas_release(struct connection_quotas *quotas);

/* Count a new connection of a listener. Returns for how many milliseconds it is to wait; 0: it may go on. */
int32_t connection_quotas_record(struct connection_quotas *quotas, int32_t listener, int64_t now_ms);
/* Then count it for its address. Returns after how many milliseconds it is to be closed, and counts for nothing; 0: it
 * is welcome. */
int32_t connection_quotas_record_address(struct connection_quotas *quotas, int32_t listener,
                                         const uint8_t address[IP_ADDRESS_BYTES], int64_t now_ms);

#endif
