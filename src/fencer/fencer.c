/*
 * The fencer: stops PostgreSQL when the leader lease's deadline passes, whatever became of the agent.
 *
 *   hactl-fencer --data-dir DIR [--record FILE] [--grace-ms N]
 *
 * It exists because the agent may be killed, stopped, starved or stuck; so it depends on nothing that may be
 * broken then: libc only, memory locked, no allocation after start-up, no disk until PostgreSQL is stopped.
 *
 * DEADLINE_MS is CLOCK_BOOTTIME, so that a suspended machine wakes up expired.
 *
 * States: disarmed, armed; with the agent, or orphaned (stdin at its end). arm: -> armed. disarm: -> disarmed.
 * Deadline: armed -> disarmed, after stopping PostgreSQL. Orphaned and disarmed: exits. SIGTERM ends only an
 * orphan: that is how a restarted agent, having armed a fencer of its own, relieves the old one.
 */
#define _GNU_SOURCE
#include "fencer.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* A deadline further away than this is a mistake in its unit. */
static const int64_t DEADLINE_MAX_MS = 24 * 3600 * 1000;

struct fencer fencer = {.grace_ms = 300, .record_fd = -1, .postmaster.pidfd = -1};

/* ---- time and answers --------------------------------------------------------------------------------- */

int64_t boot_ms(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        abort();
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void answer(const char *format, ...)
{
    static bool torn;
    char line[1024];
    /* After a half-sent line the next one starts afresh. */
    int start = torn ? 1 : 0;
    line[0] = '\n';
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + start, sizeof line - 2, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if (length > (int)sizeof line - 3)
        length = (int)sizeof line - 3;
    length += start;
    line[length++] = '\n';
    ssize_t sent = write(STDOUT_FILENO, line, (size_t)length);
    if (sent >= 0)
        torn = sent != length;
}

/* ---- the deadline ------------------------------------------------------------------------------------- */

/* When PostgreSQL is to be stopped: at the deadline, or before the watchdog device fires. */
static int64_t due_ms(void)
{
    int64_t fence_at_ms = watchdog_fence_at();
    return fence_at_ms < fencer.deadline_ms ? fence_at_ms : fencer.deadline_ms;
}

const char *set_timer(void)
{
    int64_t at_ms = fencer.armed ? due_ms() : 0;
    struct itimerspec timer = {.it_value = {.tv_sec = at_ms / 1000, .tv_nsec = at_ms % 1000 * 1000000}};
    return timerfd_settime(fencer.timer_fd, TFD_TIMER_ABSTIME, &timer, NULL) == 0 ? NULL : strerror(errno);
}

const char *arm(int64_t deadline_ms, pid_t pid, uint64_t start_ticks, int64_t lease_end_ms)
{
    int64_t now_ms = boot_ms();
    if (deadline_ms <= now_ms)
        return "the deadline has passed";
    if (deadline_ms > now_ms + DEADLINE_MAX_MS)
        return "the deadline is more than a day away";
    const char *problem = postmaster_hold(&fencer.postmaster, pid, start_ticks);
    if (problem != NULL)
        return problem;
    fencer.deadline_ms = deadline_ms;
    fencer.lease_end_ms = lease_end_ms;
    fencer.armed = true;
    fencer.leaving = false;
    watchdog_feed(lease_end_ms);
    return set_timer();
}

void disarm(void)
{
    fencer.armed = false;
    fencer.deadline_ms = 0;
    set_timer();
    postmaster_release(&fencer.postmaster);
}

static void format_record(char *line, size_t size, const struct fence *fence, int64_t due, int64_t begun_ms)
{
    struct timespec now = {0};
    struct tm utc = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    const char *signals = fence->killed > 0 ? "SIGQUIT+SIGKILL" : fence->quit > 0 ? "SIGQUIT" : "none";
    snprintf(line, size,
             "{\"at\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\",\"pid\":%d,\"deadlineMs\":%lld,\"signal\":\"%s\","
             "\"lateMs\":%lld,\"tookMs\":%lld,\"quit\":%d,\"killed\":%d,\"left\":%d,\"orphaned\":%s}",
             utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
             (int)(now.tv_nsec / 1000000), (int)fencer.postmaster.pid, (long long)due, signals,
             (long long)(begun_ms - due), (long long)(boot_ms() - begun_ms), fence->quit,
             fence->killed, fence->left, fencer.orphaned ? "true" : "false");
}

/* The answer goes first and the record last: the disk may be what is broken, and it may keep us for ever. */
static void fence(void)
{
    char line[512];
    int64_t due = due_ms(), begun_ms = boot_ms();
    struct fence fence = stop_postgres(&fencer.postmaster, fencer.grace_ms);
    format_record(line, sizeof line - 1, &fence, due, begun_ms);
    disarm();
    /* What cannot be stopped is left to the watchdog, which resets the machine. */
    if (fence.left == 0)
        watchdog_close();
    else
        watchdog_forsake();
    answer("fenced %s", line);
    if (fencer.record_fd < 0)
        return;
    size_t length = strlen(line);
    line[length++] = '\n';
    if (write(fencer.record_fd, line, length) != (ssize_t)length)
        answer("warning the record is not written: %s", strerror(errno));
}

/* ---- the loop ------------------------------------------------------------------------------------------- */

/*
 * SIGTERM, or SIGUSR1 from a fencer that takes the watchdog device over. A signal that comes with the end of stdin
 * behind unread commands belongs to an orphan: read all of it first.
 */
static void on_terminate(void)
{
    struct signalfd_siginfo info;
    if (read(fencer.signal_fd, &info, sizeof info) != sizeof info)
        return;
    for (int limit = 0; limit < 64 && read_commands(); limit++)
        ;
    fencer.leaving = fencer.leaving || fencer.orphaned;
    fencer.hands_over = fencer.hands_over || (fencer.orphaned && info.ssi_signo == SIGUSR1);
}

int main(int argc, char **argv)
{
    start(argc, argv);
    while (!fencer.leaving) {
        struct pollfd events[] = {{.fd = fencer.orphaned ? -1 : STDIN_FILENO, .events = POLLIN},
                                  {.fd = fencer.signal_fd, .events = POLLIN},
                                  {.fd = fencer.timer_fd, .events = POLLIN}};
        if (poll(events, 3, -1) < 0 && errno != EINTR)
            abort();
        /* A renewal that waits in the pipe is valid however late we are: its deadline is checked by itself. */
        if (events[0].revents != 0)
            read_commands();
        if (events[1].revents != 0)
            on_terminate();
        uint64_t expirations;
        if (events[2].revents != 0 && read(fencer.timer_fd, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
            abort();
        if (fencer.armed && boot_ms() >= due_ms())
            fence();
        if (fencer.orphaned && !fencer.armed)
            break;
    }
    if (fencer.hands_over)
        watchdog_hand_over();
    watchdog_close();
    return 0;
}
