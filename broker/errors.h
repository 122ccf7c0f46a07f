/* From the errors of storage/ to Kafka's codes: the one place. */
#ifndef DOHLE_BROKER_ERRORS_H
#define DOHLE_BROKER_ERRORS_H

#include "../protocol/errors.h"
#include "../storage/storage_error.h"

/* `error` is 0 or a negative enum storage_error. */
enum kafka_error kafka_error_of_storage(int error);

#endif
