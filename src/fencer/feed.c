/*
 * Two receivers that Node cannot feed by itself: the Linux watchdog device (its time-out is an ioctl) and the
 * service manager's notification socket (a datagram). Neither can hold up the fencer: all is non-blocking.
 */
#define _GNU_SOURCE
#include "fencer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ---- watchdog ----------------------------------------------------------------------------------------- */

static struct {
    int fd;
    bool testing; /* a FIFO read by a test: the time-out is written as text instead of set by ioctl */
    bool magic_close;
} watchdog = {.fd = -1};

static bool watchdog_write(const char *text)
{
    size_t length = strlen(text);
    return write(watchdog.fd, text, length) == (ssize_t)length;
}

static const char *set_timeout(int timeout_s, int *actual_s)
{
    if (watchdog.testing) {
        char text[32];
        snprintf(text, sizeof text, "Ctimeout=%d\n", timeout_s);
        *actual_s = timeout_s;
        return watchdog_write(text) ? NULL : strerror(errno);
    }
    /* A device with a fixed time-out refuses; what counts is the time-out that is then read back. */
    *actual_s = timeout_s;
    if (ioctl(watchdog.fd, WDIOC_SETTIMEOUT, actual_s) < 0 && errno != ENOTTY && errno != EOPNOTSUPP && errno != EINVAL)
        return strerror(errno);
    return ioctl(watchdog.fd, WDIOC_GETTIMEOUT, actual_s) < 0 ? "the device does not tell its time-out" : NULL;
}

const char *watchdog_open(bool testing, int timeout_s, const char *device, int *actual_s)
{
    if (watchdog.fd < 0) {
        watchdog.fd = open(device, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
        if (watchdog.fd < 0)
            return strerror(errno);
        watchdog.testing = testing;
        struct watchdog_info info = {0};
        watchdog.magic_close = testing || (ioctl(watchdog.fd, WDIOC_GETSUPPORT, &info) == 0 &&
                                           (info.options & WDIOF_MAGICCLOSE) != 0);
    }
    const char *problem = set_timeout(timeout_s, actual_s);
    if (problem != NULL)
        watchdog_close();
    return problem;
}

void watchdog_keepalive(void)
{
    if (watchdog.fd >= 0 && !watchdog_write("1"))
        answer("warning watchdog keepalive: %s", strerror(errno));
}

void watchdog_close(void)
{
    if (watchdog.fd < 0)
        return;
    if (!watchdog.magic_close) {
        watchdog_keepalive();
        answer("warning the watchdog cannot be switched off: the machine will be reset");
    }
    if (!watchdog_write("V"))
        answer("warning watchdog close: %s", strerror(errno));
    close(watchdog.fd);
    watchdog.fd = -1;
}

/* ---- service manager ---------------------------------------------------------------------------------- */

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
