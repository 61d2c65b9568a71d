/*
 * The agent's commands: read, taken apart, carried out, answered.
 *
 * Commands on stdin, one a line; answers on stdout:
 *   arm SEQ DEADLINE_MS PID START_TICKS LEASE_END_MS
 *                                         armed SEQ | failed SEQ WHY   (failed: the former deadline stands)
 *   disarm SEQ                            disarmed SEQ
 *   ping SEQ                              pong SEQ BOOT_MS
 *   retire SEQ PID START_TICKS HOW        retired SEQ | retiring SEQ | failed SEQ WHY
 *                                         HOW: `off`, or `on` if the watchdog device is to stay on
 *   watchdog SEQ open DRIVER SECONDS AHEAD_MS DEVICE   watching SEQ ACTUAL_SECONDS | failed SEQ WHY
 *   watchdog SEQ close                    unwatched SEQ
 *   notify TEXT                           (none)
 *   exit                                  (none; refused while armed: failed 0 armed)
 * Unasked: `ready PID START_TICKS BOOT_MS` once, `fenced RECORD`, `warning TEXT`, `unwatched 0 WHY`.
 */
#define _GNU_SOURCE
#include "fencer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Cuts the next word off; an empty text at the end of the line. */
static char *next_word(char **cursor)
{
    char *word = *cursor + strspn(*cursor, " ");
    char *end = word + strcspn(word, " ");
    *cursor = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

bool next_number(char **cursor, int64_t *number)
{
    char *word = next_word(cursor);
    char *end;
    errno = 0;
    *number = strtoll(word, &end, 10);
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0;
}

static bool next_pid(char **cursor, pid_t *pid)
{
    int64_t number;
    bool valid = next_number(cursor, &number) && number <= INT_MAX;
    *pid = valid ? (pid_t)number : 0;
    return valid;
}

static void done(const char *word, int64_t sequence, const char *problem)
{
    if (problem == NULL)
        answer("%s %lld", word, (long long)sequence);
    else
        answer("failed %lld %s", (long long)sequence, problem);
}

static void command_arm(int64_t sequence, char *rest)
{
    int64_t deadline_ms, start_ticks, lease_end_ms;
    pid_t pid;
    if (!next_number(&rest, &deadline_ms) || !next_pid(&rest, &pid) || !next_number(&rest, &start_ticks) ||
        !next_number(&rest, &lease_end_ms))
        done("", sequence, "arm needs DEADLINE_MS PID START_TICKS LEASE_END_MS");
    else
        done("armed", sequence, arm(deadline_ms, pid, (uint64_t)start_ticks, lease_end_ms));
}

static void command_retire(int64_t sequence, char *rest)
{
    int64_t start_ticks;
    pid_t pid;
    if (!next_pid(&rest, &pid) || pid == 0 || !next_number(&rest, &start_ticks)) {
        done("", sequence, "retire needs PID START_TICKS HOW");
        return;
    }
    enum retirement outcome = retire(pid, (uint64_t)start_ticks, strcmp(next_word(&rest), "on") == 0);
    done(outcome == RETIRED ? "retired" : "retiring", sequence, outcome == NOT_RETIRED ? strerror(errno) : NULL);
}

static void command_watchdog(int64_t sequence, char *rest)
{
    const char *what = next_word(&rest);
    if (strcmp(what, "close") == 0) {
        watchdog_close();
        set_timer();
        done("unwatched", sequence, NULL);
        return;
    }
    struct watchdog_request wanted = {.testing = strcmp(next_word(&rest), "testing") == 0};
    int64_t timeout_s;
    int actual_s = 0;
    if (strcmp(what, "open") != 0 || !next_number(&rest, &timeout_s) || timeout_s < 1 || timeout_s > 86400 ||
        !next_number(&rest, &wanted.ahead_ms)) {
        done("", sequence, "watchdog needs open DRIVER SECONDS AHEAD_MS DEVICE, or close");
        return;
    }
    wanted.timeout_s = (int)timeout_s;
    wanted.device = rest;
    /* Nobody would ever close a device that was opened without a deadline. */
    const char *problem = fencer.armed ? watchdog_open(&wanted, fencer.lease_end_ms, &actual_s) : "not armed";
    set_timer();
    if (problem != NULL)
        done("", sequence, problem);
    else
        answer("watching %lld %d", (long long)sequence, actual_s);
}

static void execute(char *line)
{
    char *rest = line;
    const char *command = next_word(&rest);
    int64_t sequence = 0;
    if (strcmp(command, "notify") == 0) {
        notify_send(rest);
    } else if (strcmp(command, "exit") == 0) {
        fencer.leaving = !fencer.armed;
        if (fencer.armed)
            done("", 0, "armed");
    } else if (!next_number(&rest, &sequence)) {
        done("", 0, "not a command");
    } else if (strcmp(command, "arm") == 0) {
        command_arm(sequence, rest);
    } else if (strcmp(command, "disarm") == 0) {
        disarm();
        watchdog_close();
        done("disarmed", sequence, NULL);
    } else if (strcmp(command, "ping") == 0) {
        answer("pong %lld %lld", (long long)sequence, (long long)boot_ms());
    } else if (strcmp(command, "retire") == 0) {
        command_retire(sequence, rest);
    } else if (strcmp(command, "watchdog") == 0) {
        command_watchdog(sequence, rest);
    } else {
        done("", sequence, "not a command");
    }
}

/* Reads what is there, at most one buffer. False when there was nothing, or nothing will come any more. */
bool read_commands(void)
{
    static char buffer[8192];
    static size_t filled;
    static bool too_long;
    ssize_t length = read(STDIN_FILENO, buffer + filled, sizeof buffer - filled);
    if (length < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (length <= 0) {
        fencer.orphaned = true;
        return false;
    }
    filled += (size_t)length;
    char *line = buffer;
    for (char *end; (end = memchr(line, '\n', (size_t)(buffer + filled - line))) != NULL; line = end + 1) {
        *end = '\0';
        if (!too_long)
            execute(line);
        too_long = false;
    }
    filled = (size_t)(buffer + filled - line);
    memmove(buffer, line, filled);
    if (filled == sizeof buffer) {
        filled = 0;
        too_long = true;
        done("", 0, "line too long");
    }
    return true;
}
