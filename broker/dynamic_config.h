/* Changes of broker settings while the broker runs: which are taken, and what becomes of them. See dynamic_config.c. */
#ifndef DOHLE_BROKER_DYNAMIC_CONFIG_H
#define DOHLE_BROKER_DYNAMIC_CONFIG_H

#include "config.h"
#include "outcome.h"
#include "topic_config.h"

/* Apply one operation of IncrementalAlterConfigs to `overrides`, the dynamic values of one broker or of all. `config`
 * is what counts now. A refusal's sentence is in `arena`, and `overrides` is as before. */
struct outcome dynamic_config_alter(const struct config *config, struct topic_overrides *overrides,
                                    enum config_operation operation, struct kp_string name, struct kp_string value,
                                    struct arena *arena);

/* Do the dynamic values of one broker or of all fit together, with what is set at the start? */
struct outcome dynamic_config_check(const struct config *config, const struct topic_overrides *overrides);

#endif
