/* The start after an unclean stop. See recovery.c. */
#ifndef DOHLE_BROKER_RECOVERY_H
#define DOHLE_BROKER_RECOVERY_H

#include <stdint.h>

struct broker;

/* Recover the logs that have much to read, and tell how far it is when that takes longer than a second. A log that
 * cannot be recovered is logged and offline; the others are served. */
void recovery_run(struct broker *broker);
/* For log_store_options.progress, with the broker as context. */
void recovery_progress(void *broker, int64_t bytes);

#endif
