/* The only network of a sandbox whose sandbox policy has one: connections to 127.0.0.1:PROXY_PORT are passed on to a unix
 * socket on which the controller's egress proxy listens. Has an epoll set of its own, which the loop watches. */
#ifndef RELAY_H
#define RELAY_H

#include <stdbool.h>

#define PROXY_PORT 3128

/* `path` is that of the unix socket. False where the port cannot be listened on. */
bool relay_open(const char *path);
/* False where the descriptor is not the relay's. */
bool relay_ready(int fd);

#endif
