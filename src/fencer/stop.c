/*
 * Finding and stopping PostgreSQL. Every signal goes through a pidfd whose process was looked at after the
 * pidfd was taken, so that a reused pid is never hit. /proc is read with calls that touch neither the disk
 * nor the heap (readlink, not stat), because both may be the reason why we are here.
 */
#define _GNU_SOURCE
#include "fencer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* After SIGKILL a process is gone within milliseconds, or sleeps in the kernel where it cannot do harm. */
static const int64_t KILL_LIMIT_MS = 5000;
static const int SCAN_PAUSE_MS = 5;

static int proc_fd = -1;
static char data_directory[PATH_MAX];
static const char *data_directory_given;

struct process {
    char state;
    pid_t parent;
    uint64_t start_ticks;
};

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* ---- one process -------------------------------------------------------------------------------------- */

/* The path may not exist yet on a node that is still to be bootstrapped: then it is tried again at the next arm. */
static void resolve_data_directory(void)
{
    if (data_directory[0] == '\0' && realpath(data_directory_given, data_directory) == NULL)
        data_directory[0] = '\0';
}

const char *stop_prepare(const char *directory)
{
    data_directory_given = directory;
    resolve_data_directory();
    proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return proc_fd < 0 ? "cannot open /proc" : NULL;
}

static bool read_process(pid_t pid, struct process *process)
{
    char text[1024];
    snprintf(text, sizeof text, "%d/stat", (int)pid);
    int fd = openat(proc_fd, text, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    if (length <= 0)
        return false;
    text[length] = '\0';

    /* The name in parentheses may hold anything, also spaces and parentheses: start behind the last one. */
    char *cursor = strrchr(text, ')');
    if (cursor == NULL || cursor[1] != ' ')
        return false;
    cursor += 2;
    process->state = *cursor;
    for (int field = 3; field < 22; field++) {
        if (field == 4)
            process->parent = (pid_t)strtol(cursor, NULL, 10);
        cursor = strchr(cursor, ' ');
        if (cursor == NULL)
            return false;
        cursor++;
    }
    process->start_ticks = strtoull(cursor, NULL, 10);
    return true;
}

static bool is_alive(const struct process *process)
{
    return process->state != 'Z' && process->state != 'X';
}

uint64_t start_ticks_of(pid_t pid)
{
    struct process process;
    return read_process(pid, &process) && is_alive(&process) ? process.start_ticks : 0;
}

/* What /proc/PID/NAME points to, as text; empty when it may not be read. Needs no disk. */
static void read_link(pid_t pid, const char *name, char target[PATH_MAX])
{
    char path[64];
    snprintf(path, sizeof path, "%d/%s", (int)pid, name);
    ssize_t length = readlinkat(proc_fd, path, target, PATH_MAX - 1);
    target[length < 0 ? 0 : length] = '\0';
}

static int open_pidfd(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

static bool send_signal(int pidfd, int signal_number)
{
    return syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0) == 0;
}

static bool has_exited(int pidfd)
{
    struct pollfd exited = {.fd = pidfd, .events = POLLIN};
    return poll(&exited, 1, 0) == 1;
}

/* ---- the postmaster ----------------------------------------------------------------------------------- */

const char *postmaster_hold(struct postmaster *held, pid_t pid, uint64_t start_ticks)
{
    resolve_data_directory();
    /* An exited postmaster that we already hold stays good: whatever runs after it is found by the directory. */
    if (held->pid == pid && held->start_ticks == start_ticks)
        return NULL;
    if (pid == 0) {
        postmaster_release(held);
        return NULL;
    }
    int pidfd = open_pidfd(pid);
    if (pidfd < 0)
        return errno == ESRCH ? "no such process" : strerror(errno);
    if (start_ticks_of(pid) != start_ticks) {
        close(pidfd);
        return "the process with this pid is another one";
    }
    postmaster_release(held);
    held->pid = pid;
    held->start_ticks = start_ticks;
    held->pidfd = pidfd;
    read_link(pid, "cwd", held->cwd);
    read_link(pid, "exe", held->exe);
    return NULL;
}

void postmaster_release(struct postmaster *held)
{
    if (held->pid != 0)
        close(held->pidfd);
    *held = (struct postmaster){.pidfd = -1};
}

enum retirement retire(pid_t pid, uint64_t start_ticks, bool hands_over)
{
    int pidfd = open_pidfd(pid);
    if (pidfd < 0)
        return errno == ESRCH ? RETIRED : NOT_RETIRED;
    enum retirement outcome = RETIRED;
    if (start_ticks_of(pid) == start_ticks)
        outcome = send_signal(pidfd, hands_over ? SIGUSR1 : SIGTERM) ? RETIRING : NOT_RETIRED;
    close(pidfd);
    return outcome;
}

/* ---- all of PostgreSQL -------------------------------------------------------------------------------- */

static bool is_postgres_program(const char *exe, const struct postmaster *held)
{
    if (exe[0] == '\0')
        return false;
    if (strcmp(exe, held->exe) == 0)
        return true;
    /* A package upgrade unlinks the program that still runs; /proc then shows its path with this ending. */
    const char *name = strrchr(exe, '/');
    return name != NULL && (strcmp(name, "/postgres") == 0 || strcmp(name, "/postgres (deleted)") == 0);
}

/*
 * A process of our PostgreSQL works in the data directory (postmaster and every child, also an orphaned one)
 * and runs the same program; archive_command's shell does not. A child of the postmaster counts even when
 * its links may not be read.
 */
static bool belongs(pid_t pid, const struct postmaster *held, bool postmaster_lives)
{
    static char link[PATH_MAX];
    struct process process;
    if (!read_process(pid, &process) || !is_alive(&process))
        return false;
    if (postmaster_lives && process.parent == held->pid)
        return true;
    read_link(pid, "cwd", link);
    if (link[0] == '\0' || (strcmp(link, data_directory) != 0 && strcmp(link, held->cwd) != 0))
        return false;
    read_link(pid, "exe", link);
    return is_postgres_program(link, held);
}

/* Sends a signal (0: only counts) to every process of PostgreSQL but `except`. Returns how many there are. */
static int signal_all(const struct postmaster *held, int signal_number, pid_t except)
{
    static char entries[32768] __attribute__((aligned(8)));
    bool postmaster_lives = held->pid != 0 && !has_exited(held->pidfd);
    int found = 0;
    if (lseek(proc_fd, 0, SEEK_SET) < 0)
        return 0;
    for (;;) {
        long length = syscall(SYS_getdents64, proc_fd, entries, sizeof entries);
        if (length <= 0)
            return found;
        for (long at = 0; at < length;) {
            const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
            at += entry->d_reclen;
            pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
            if (pid <= 0 || pid == except || !belongs(pid, held, postmaster_lives))
                continue;
            found++;
            int pidfd = signal_number == 0 ? -1 : open_pidfd(pid);
            if (pidfd < 0)
                continue;
            /* Looked at again: only now the pid cannot be handed to somebody else. */
            if (belongs(pid, held, postmaster_lives))
                send_signal(pidfd, signal_number);
            close(pidfd);
        }
    }
}

/*
 * The postmaster and every backend get SIGQUIT at once: a postmaster that is itself stopped cannot pass it on,
 * and until a backend has it, it may acknowledge a commit.
 */
static int quit_all(const struct postmaster *held)
{
    int told = 0;
    if (held->pid != 0 && send_signal(held->pidfd, SIGQUIT))
        told++;
    return told + signal_all(held, SIGQUIT, held->pid);
}

/* Children first, while the halted postmaster can neither fork nor lose them; then itself; then the rest. */
static int kill_all(const struct postmaster *held)
{
    int killed = 0;
    if (held->pid != 0 && !has_exited(held->pidfd)) {
        send_signal(held->pidfd, SIGSTOP);
        killed += signal_all(held, SIGKILL, held->pid);
        if (send_signal(held->pidfd, SIGKILL))
            killed++;
        return killed;
    }
    return signal_all(held, SIGKILL, 0);
}

/* Includes a held postmaster whose /proc entries may not be read. */
static int count_left(const struct postmaster *held)
{
    int left = signal_all(held, 0, held->pid);
    return held->pid != 0 && !has_exited(held->pidfd) ? left + 1 : left;
}

struct fence stop_postgres(struct postmaster *held, int64_t grace_ms)
{
    struct fence fence = {0};
    int64_t limit_ms = boot_ms() + grace_ms;
    fence.quit = quit_all(held);
    fence.left = count_left(held);
    while (fence.left > 0 && boot_ms() < limit_ms) {
        pause_ms(SCAN_PAUSE_MS);
        fence.left = count_left(held);
    }
    limit_ms = boot_ms() + KILL_LIMIT_MS;
    while (fence.left > 0 && boot_ms() < limit_ms) {
        int killed = kill_all(held);
        if (killed > fence.killed)
            fence.killed = killed;
        pause_ms(SCAN_PAUSE_MS);
        fence.left = count_left(held);
    }
    return fence;
}
