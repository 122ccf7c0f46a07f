/* From an API key to its handler. See dispatch.c. */
#ifndef DOHLE_BROKER_DISPATCH_H
#define DOHLE_BROKER_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

struct kp_pause;
struct request;

typedef void (*api_handler)(struct request *request);

/* NULL: not served, so not advertised, and a request for it closes the connection. */
api_handler dispatch_handler(int16_t api_key);
bool dispatch_serves(int16_t api_key);
/* Have a decoded request handled by the handler of its API, which is served. */
void dispatch_handle(struct request *request);
/* Decode request->frame and handle it, asking `pause` while it is decoded. */
void dispatch_in_parts(struct request *request, struct kp_pause *pause);

#endif
