/* Names of resources that stand for a broker. */
#ifndef DOHLE_BROKER_CONFIG_RESOURCE_NAME_H
#define DOHLE_BROKER_CONFIG_RESOURCE_NAME_H

#include "outcome.h"
#include "request.h"

/* Does the name, a number, stand for this broker? A refusal's sentence is static or in the request's arena. */
struct outcome config_resource_check_broker(struct request *request, struct kp_string name);

#endif
