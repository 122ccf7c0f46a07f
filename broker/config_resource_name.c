/* See config_resource_name.h. */
#include "config_resource_name.h"

#include "broker.h"

#define DIGITS_MAX 10

struct outcome config_resource_check_broker(struct request *request, struct kp_string name)
{
    int64_t id = 0;
    bool number = name.size > 0 && name.size <= DIGITS_MAX;
    for (int32_t i = 0; i < name.size && number; i++) {
        number = name.data[i] >= '0' && name.data[i] <= '9';
        id = id * 10 + (name.data[i] - '0');
    }
    if (!number)
        return refused(KAFKA_INVALID_REQUEST, "The id of a broker must be a number.");
    if (id != request->broker->node_id)
        return refused(KAFKA_INVALID_REQUEST, arena_printf(&request->arena, "This is broker %d, not %.*s.",
                                                           request->broker->node_id, (int)name.size, name.data));
    return ACCEPTED;
}
