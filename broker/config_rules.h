/* Rules that concern several settings, and settings by their name.
 *
 * Kafka checks these when it starts, one with another, over what the table says of each (KafkaConfig.validateValues,
 * GroupCoordinatorConfig and ShareGroupConfig). They hold for settings that have no effect here too: a file of settings
 * that starts dohle is to start Kafka. tests/golden/settings has what Kafka accepts. */
#ifndef DOHLE_BROKER_CONFIG_RULES_H
#define DOHLE_BROKER_CONFIG_RULES_H

#include "config.h"

/* The row of a name that is in the table. */
int config_row_of(const char *name);
/* The text that counts for it; see config_text(). */
const char *config_text_of(const struct config *config, const char *name);
/* Has it a value besides the default? */
bool config_is_set(const struct config *config, const char *name);
/* Write "ORIGIN: NAME=VALUE: ..." into `error` (CONFIG_ERROR_SIZE). Returns false. */
bool config_fail(const struct config *config, const char *name, char *error, const char *format, ...) PRINTF_LIKE(4, 5);

/* Check all rules but those of listeners' addresses (listener_config.h). On failure false, and `error`
 * (CONFIG_ERROR_SIZE) is one line that names setting and origin. */
bool config_rules_check(const struct config *config, char *error) WARN_UNUSED;

#endif
