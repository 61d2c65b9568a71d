/*
 * The watchdog device: it resets the machine when nobody has fed it for its time-out. It is the line behind the
 * fencer, for the case that the fencer itself is frozen.
 *
 * What holds here, whatever the agent does:
 * - The device is open only while the fencer is armed, so that every open device is either fed or closed.
 * - It is fed only when the end of the lease has moved, which is when leadership was confirmed anew.
 * - It never fires after the end of the lease: a renewal that comes late sets a shorter time-out.
 * - The fencer acts `ahead_ms` before it would fire, and closes it when PostgreSQL is stopped.
 *
 * A fencer that is killed closes the device without the magic character: the kernel keeps the watchdog running and
 * resets the machine, unless the next fencer opens it in time. That is on purpose. Nothing else would then stop a
 * PostgreSQL whose agent is gone as well.
 */
#define _GNU_SOURCE
#include "fencer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

static struct {
    int fd;
    bool testing;     /* a FIFO that a test reads: the time-out is written as text instead of set by ioctl */
    bool magic_close; /* the device can be switched off */
    int wanted_s;
    int full_s;       /* what the device made of `wanted_s` */
    int set_s;        /* in force now: less than `full_s` after a late renewal */
    int64_t ahead_ms;
    int64_t fires_at_ms;
    int64_t fed_for_ms; /* the end of the lease for which it was fed last */
    bool forsaken;      /* PostgreSQL could not be stopped: the reset is what is wanted */
} watchdog = {.fd = -1};

static bool write_text(const char *text)
{
    size_t length = strlen(text);
    return write(watchdog.fd, text, length) == (ssize_t)length;
}

/* Device drivers restart their count when the time-out is set. */
static const char *set_timeout(int timeout_s, int *actual_s)
{
    int64_t now_ms = boot_ms();
    *actual_s = timeout_s;
    if (watchdog.testing) {
        char text[32];
        snprintf(text, sizeof text, "Ctimeout=%d\n", timeout_s);
        if (!write_text(text))
            return strerror(errno);
    } else {
        /* A device with a fixed time-out refuses; what counts is the time-out that is then read back. */
        int asked_s = timeout_s;
        if (ioctl(watchdog.fd, WDIOC_SETTIMEOUT, &asked_s) < 0 && errno != ENOTTY && errno != EOPNOTSUPP && errno != EINVAL)
            return strerror(errno);
        if (ioctl(watchdog.fd, WDIOC_GETTIMEOUT, actual_s) < 0)
            return "the device does not say what its time-out is";
    }
    watchdog.set_s = *actual_s;
    watchdog.fires_at_ms = now_ms + (int64_t)*actual_s * 1000;
    return NULL;
}

/* The real device can be opened by one process only; the FIFO of a test is made to be like that. */
static const char *open_device(bool testing, const char *device)
{
    watchdog.fd = open(device, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (watchdog.fd < 0)
        return strerror(errno);
    if (testing && flock(watchdog.fd, LOCK_EX | LOCK_NB) != 0) {
        close(watchdog.fd);
        watchdog.fd = -1;
        return strerror(EBUSY);
    }
    struct watchdog_info info = {0};
    watchdog.testing = testing;
    watchdog.magic_close =
        testing || (ioctl(watchdog.fd, WDIOC_GETSUPPORT, &info) == 0 && (info.options & WDIOF_MAGICCLOSE) != 0);
    return NULL;
}

/*
 * Whole seconds that the device may wait now, so that it fires before the lease ends. A device that only takes more than
 * was asked is treated as if it took what was asked: the agent has agreed to that.
 */
static int fitting_s(int64_t lease_end_ms)
{
    int64_t left_s = (lease_end_ms - boot_ms()) / 1000;
    int most_s = watchdog.full_s < watchdog.wanted_s ? watchdog.full_s : watchdog.wanted_s;
    return left_s < 0 ? 0 : left_s < most_s ? (int)left_s : most_s;
}

/* Sets what fits. False when the device cannot be made to fire in time. */
static bool fit(int64_t lease_end_ms)
{
    int actual_s, most_s = fitting_s(lease_end_ms);
    if (watchdog.full_s > watchdog.wanted_s)
        return most_s == watchdog.wanted_s;
    if (most_s == watchdog.set_s)
        return true;
    /* A device that counts in larger steps may round up, and would then fire after the end of the lease. */
    for (int asked_s = most_s; asked_s >= 1; asked_s--) {
        if (set_timeout(asked_s, &actual_s) != NULL)
            return false;
        if (actual_s <= most_s)
            return true;
    }
    return false;
}

const char *watchdog_open(const struct watchdog_request *wanted, int64_t lease_end_ms, int *actual_s)
{
    if (watchdog.forsaken)
        return "PostgreSQL could not be stopped";
    const char *problem = watchdog.fd < 0 ? open_device(wanted->testing, wanted->device) : NULL;
    if (problem != NULL)
        return problem;
    problem = set_timeout(wanted->timeout_s, actual_s);
    watchdog.wanted_s = wanted->timeout_s;
    watchdog.full_s = *actual_s;
    watchdog.ahead_ms = wanted->ahead_ms;
    watchdog.fed_for_ms = lease_end_ms;
    if (problem == NULL && !fit(lease_end_ms))
        problem = "the lease ends before the device would fire";
    if (problem != NULL)
        watchdog_close();
    return problem;
}

static void lose(const char *why)
{
    close(watchdog.fd);
    watchdog.fd = -1;
    answer("unwatched 0 %s", why);
}

void watchdog_feed(int64_t lease_end_ms)
{
    if (watchdog.fd < 0 || watchdog.forsaken || lease_end_ms == watchdog.fed_for_ms)
        return;
    int64_t now_ms = boot_ms();
    if (!fit(lease_end_ms)) {
        answer("warning the watchdog is not fed: the renewal came too late");
        return;
    }
    watchdog.fed_for_ms = lease_end_ms;
    if (write_text("1"))
        watchdog.fires_at_ms = now_ms + (int64_t)watchdog.set_s * 1000;
    else if (errno == EAGAIN)
        answer("warning watchdog keepalive: %s", strerror(errno));
    else
        lose(strerror(errno));
}

int64_t watchdog_fence_at(void)
{
    if (watchdog.fd < 0)
        return INT64_MAX;
    int64_t half_ms = (int64_t)watchdog.set_s * 500;
    return watchdog.fires_at_ms - (watchdog.ahead_ms < half_ms ? watchdog.ahead_ms : half_ms);
}

void watchdog_close(void)
{
    if (watchdog.fd < 0 || watchdog.forsaken)
        return;
    if (!watchdog.magic_close) {
        /* The operator gets the whole time-out. */
        write_text("1");
        answer("warning the watchdog cannot be switched off: the machine will be reset");
    }
    if (!write_text("V"))
        answer("warning watchdog close: %s", strerror(errno));
    close(watchdog.fd);
    watchdog.fd = -1;
}

void watchdog_hand_over(void)
{
    if (watchdog.fd < 0)
        return;
    close(watchdog.fd);
    watchdog.fd = -1;
}

void watchdog_forsake(void)
{
    watchdog.forsaken = watchdog.fd >= 0;
}
