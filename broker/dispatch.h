/* From an API key to its handler. See dispatch.c. */
#ifndef DOHLE_BROKER_DISPATCH_H
#define DOHLE_BROKER_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

struct request;

typedef void (*api_handler)(struct request *request);

/* NULL: not served, so not advertised, and a request for it closes the connection. */
api_handler dispatch_handler(int16_t api_key);
bool dispatch_serves(int16_t api_key);
/* Have a decoded request handled by the handler of its API, which is served. */
void dispatch_handle(struct request *request);

#endif
