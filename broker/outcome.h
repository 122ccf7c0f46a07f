/* How one item of a request fares, where each is answered for itself: a Kafka error and a sentence. */
#ifndef DOHLE_BROKER_OUTCOME_H
#define DOHLE_BROKER_OUTCOME_H

#include "../protocol/errors.h"

#include <stddef.h>

struct outcome {
    enum kafka_error error;
    const char *message; /* static, or in the request's arena; NULL: none */
};

#define ACCEPTED ((struct outcome){KAFKA_NONE, NULL})

static inline struct outcome refused(enum kafka_error error, const char *message)
{
    return (struct outcome){error, message};
}

/* The reason to close a connection whose request's arena is full. */
#define NO_MEMORY "its answer needs more memory than a request may use"

#endif
