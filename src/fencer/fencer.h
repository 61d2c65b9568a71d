/*
 * What the parts of the fencer share: fencer.c (deadline and loop), start.c (start-up), commands.c (what the
 * agent asks), stop.c (finding and stopping PostgreSQL), watchdog.c (the watchdog device) and notify.c (the service
 * manager).
 */
#ifndef FENCER_H
#define FENCER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- fencer.c ----------------------------------------------------------------------------------------- */

/* Milliseconds of CLOCK_BOOTTIME: goes on while the machine is suspended, never jumps. */
int64_t boot_ms(void);

/* One line to the agent. Never blocks: an agent that does not read loses the line. */
void answer(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Arms, or moves the deadline. Returns NULL, or why not; then the former deadline stands. */
const char *arm(int64_t deadline_ms, pid_t pid, uint64_t start_ticks, int64_t lease_end_ms);
void disarm(void);
/* Sets the timer for the deadline, or for the moment before the watchdog device fires. Returns NULL, or why not. */
const char *set_timer(void);

/* ---- commands.c --------------------------------------------------------------------------------------- */

/* Reads and carries out what is there, at most one buffer. False when there was nothing, or nothing will come. */
bool read_commands(void);

/* Cuts the next word off and reads it as a number >= 0. False when it is none. */
bool next_number(char **cursor, int64_t *number);

/* ---- start.c ------------------------------------------------------------------------------------------ */

void start(int argc, char **argv);

/* ---- stop.c ------------------------------------------------------------------------------------------- */

/* The postmaster that is to be stopped. pid 0: none known, PostgreSQL is found by its data directory alone. */
struct postmaster {
    pid_t pid;
    uint64_t start_ticks; /* field 22 of /proc/PID/stat: with the pid, an identity that is never used twice */
    int pidfd;            /* -1 when pid is 0 */
    char cwd[PATH_MAX];   /* its data directory and program as /proc shows them; empty when unreadable */
    char exe[PATH_MAX];
};

struct fencer {
    const char *data_directory;
    const char *record_path;
    int64_t grace_ms;
    int record_fd; /* -1: no record */
    int timer_fd;
    int signal_fd;
    bool armed;
    bool orphaned; /* stdin is at its end: the agent is gone */
    bool leaving;
    bool hands_over; /* the next fencer takes the watchdog device over */
    int64_t deadline_ms;
    int64_t lease_end_ms;
    struct postmaster postmaster;
};
extern struct fencer fencer;

struct fence {
    int quit;   /* processes that were sent SIGQUIT */
    int killed; /* processes that were sent SIGKILL */
    int left;   /* processes that outlived SIGKILL (uninterruptible sleep), 0 when all is well */
};

/* Opens /proc and remembers the data directory. Returns NULL, or what is wrong. */
const char *stop_prepare(const char *data_directory);

/* Start ticks of a living process; 0 when there is none. */
uint64_t start_ticks_of(pid_t pid);

/* Takes a pidfd of exactly this process. Returns NULL, or why not; then nothing is changed. */
const char *postmaster_hold(struct postmaster *held, pid_t pid, uint64_t start_ticks);
void postmaster_release(struct postmaster *held);

/* SIGQUIT to PostgreSQL; whatever still lives after the grace gets SIGKILL, until nothing is left. Bounded. */
struct fence stop_postgres(struct postmaster *held, int64_t grace_ms);

enum retirement { RETIRED, RETIRING, NOT_RETIRED };

/* SIGTERM to exactly this process; SIGUSR1 if it is to leave the watchdog device running. RETIRED: it is gone. RETIRING: it was told. */
enum retirement retire(pid_t pid, uint64_t start_ticks, bool hands_over);

/* ---- watchdog.c --------------------------------------------------------------------------------------- */

struct watchdog_request {
    bool testing;
    int timeout_s;
    int64_t ahead_ms; /* PostgreSQL is stopped this long before the device would fire */
    const char *device;
};

/* Opens the device, or sets another time-out. Returns NULL and the time-out in force, or what is wrong. */
const char *watchdog_open(const struct watchdog_request *wanted, int64_t lease_end_ms, int *actual_s);
/* Leadership is confirmed until then. */
void watchdog_feed(int64_t lease_end_ms);
/* When PostgreSQL must be stopped, because the device would fire soon; far away when it is not open. */
int64_t watchdog_fence_at(void);
/* Switches the device off. */
void watchdog_close(void);
/* Closes the device and leaves it running: the next fencer opens it. */
void watchdog_hand_over(void);
/* PostgreSQL could not be stopped: nothing feeds the device or switches it off any more. */
void watchdog_forsake(void);

/* ---- notify.c ----------------------------------------------------------------------------------------- */

void notify_prepare(const char *socket_name);
/* One sd_notify datagram; does nothing without NOTIFY_SOCKET. */
void notify_send(const char *state);

#endif
