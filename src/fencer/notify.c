/*
 * The service manager's notification socket, which takes datagrams and so is out of Node's reach. It cannot hold up the
 * fencer: nothing here blocks.
 */
#define _GNU_SOURCE
#include "fencer.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

static int notify_fd = -1;
static struct sockaddr_un notify_address = {.sun_family = AF_UNIX};
static socklen_t notify_length;

void notify_prepare(const char *socket_name)
{
    if (socket_name == NULL || (socket_name[0] != '/' && socket_name[0] != '@'))
        return;
    size_t length = strlen(socket_name);
    if (length >= sizeof notify_address.sun_path)
        return;
    memcpy(notify_address.sun_path, socket_name, length);
    /* An abstract name begins with a zero byte and has no end but its length. */
    if (socket_name[0] == '@')
        notify_address.sun_path[0] = '\0';
    notify_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (socket_name[0] == '/' ? 1 : 0));
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

void notify_send(const char *state)
{
    char timed[64];
    if (notify_fd < 0)
        return;
    /* Type=notify-reload knows by the time, in the same datagram, that the answer is to its own signal. */
    if (strcmp(state, "RELOADING=1") == 0) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        snprintf(timed, sizeof timed, "RELOADING=1\nMONOTONIC_USEC=%lld",
                 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
        state = timed;
    }
    ssize_t sent = sendto(notify_fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL,
                          (const struct sockaddr *)&notify_address, notify_length);
    if (sent < 0)
        answer("warning notify: %s", strerror(errno));
}
