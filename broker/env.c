/* What is made out of an environment's randomness. See env.h. */
#include "env.h"

#include "../protocol/wire.h"

void env_random_uuid(struct env *env, struct kp_uuid *uuid)
{
    char text[KP_UUID_TEXT_SIZE];
    do {
        env->random(env, uuid->bytes, sizeof uuid->bytes);
        uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0f) | 0x40); /* RFC 9562: version 4 */
        uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3f) | 0x80); /* and its variant */
        kp_uuid_text(*uuid, text);
    } while (text[0] == '-'); /* a command line would take it for an option */
}
