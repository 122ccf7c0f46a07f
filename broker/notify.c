/* One datagram to NOTIFY_SOCKET. See notify.h. */
#include "notify.h"

#include "logger.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_service_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    if (path == NULL || (path[0] != '/' && path[0] != '@')) {
        return;
    }
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = strlen(path);
    if (size >= sizeof address.sun_path) {
        LOG_WARN("NOTIFY_SOCKET is too long", "path=%s", path);
        return;
    }
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* the abstract space; the name ends with the address, not with a zero byte */
    }
    int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    if (descriptor < 0 || sendto(descriptor, state, strlen(state), 0, (struct sockaddr *)&address, address_size) < 0) {
        LOG_WARN("Cannot notify the service manager", "state=%s error=\"%s\"", state, strerror(errno));
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
}
