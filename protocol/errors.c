/* Names of Kafka's error codes. See errors.h. */
#include "errors.h"

const char *kafka_error_name(int16_t code)
{
    switch (code) {
#define KAFKA_ERROR_NAME(name, number)                                                                                 \
    case number:                                                                                                       \
        return #name;
        KAFKA_ERRORS(KAFKA_ERROR_NAME)
#undef KAFKA_ERROR_NAME
    default:
        return "UNKNOWN";
    }
}
