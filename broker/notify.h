/* Tell the service manager how far the broker is (systemd's sd_notify protocol, without its library). */
#ifndef DOHLE_BROKER_NOTIFY_H
#define DOHLE_BROKER_NOTIFY_H

/* Send `state`, such as "READY=1" or "STOPPING=1", to the datagram socket that NOTIFY_SOCKET names: a path, or with '@'
 * a name of Linux's abstract space. Does nothing when the environment does not ask; a failure is logged and goes no
 * further. */
void notify_service_manager(const char *state);

#endif
