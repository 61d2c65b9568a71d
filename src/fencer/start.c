/*
 * Start-up: arguments, descriptors, signals, and everything that makes the fencer hard to hold up. All that
 * allocates or waits for a disk happens here, once.
 */
#define _GNU_SOURCE
#include "fencer.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static void read_arguments(int argc, char **argv)
{
    static const struct option options[] = {{"data-dir", required_argument, NULL, 'd'},
                                            {"record", required_argument, NULL, 'r'},
                                            {"grace-ms", required_argument, NULL, 'g'},
                                            {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        char *grace = option == 'g' ? optarg : NULL;
        if (option == 'd')
            fencer.data_directory = optarg;
        else if (option == 'r')
            fencer.record_path = optarg;
        else if (option != 'g' || !next_number(&grace, &fencer.grace_ms) || fencer.grace_ms > 60000)
            exit(2);
    }
    if (fencer.data_directory == NULL || fencer.data_directory[0] != '/' || optind != argc) {
        fputs("usage: hactl-fencer --data-dir DIR [--record FILE] [--grace-ms N]\n", stderr);
        exit(2);
    }
}

static void fail(const char *what)
{
    answer("failed 0 %s: %s", what, strerror(errno));
    exit(1);
}

static void prepare_signals(void)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGPIPE, SIGQUIT, SIGUSR2, SIGTSTP, SIGTTIN, SIGTTOU};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if (signal(ignored[i], SIG_IGN) == SIG_ERR)
            fail("signal");
    sigset_t terminate;
    sigemptyset(&terminate);
    sigaddset(&terminate, SIGTERM);
    sigaddset(&terminate, SIGUSR1);
    if (sigprocmask(SIG_SETMASK, &terminate, NULL) != 0)
        fail("sigprocmask");
    fencer.signal_fd = signalfd(-1, &terminate, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fencer.signal_fd < 0)
        fail("signalfd");
}

/* Each of these makes the fencer harder to hold up; where one is not permitted, it works without. */
static void harden(void)
{
    int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (oom >= 0) {
        /* Needs a privilege that an agent run as postgres lacks; then the unit's OOMScoreAdjust is inherited. */
        if (write(oom, "-1000", 5) != 5)
            errno = 0;
        close(oom);
    }
    const struct sched_param realtime = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_FIFO, &realtime) != 0)
        setpriority(PRIO_PROCESS, 0, -20);
    /* The stack grows by page faults, which need memory: touch now what will be used. */
    char stack[64 * 1024];
    explicit_bzero(stack, sizeof stack);
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        answer("warning memory is not locked: %s", strerror(errno));
}

void start(int argc, char **argv)
{
    read_arguments(argc, argv);
    if (close_range(3, ~0U, 0) != 0 || chdir("/") != 0)
        fail("close_range, chdir");
    setsid(); /* fails when we lead a session already, which is as good */
    if (fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) != 0 || fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK) != 0)
        fail("fcntl");
    prepare_signals();
    const char *problem = stop_prepare(fencer.data_directory);
    if (problem != NULL)
        fail(problem);
    fencer.timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fencer.timer_fd < 0)
        fail("timerfd_create");
    if (fencer.record_path != NULL)
        fencer.record_fd = open(fencer.record_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fencer.record_path != NULL && fencer.record_fd < 0)
        answer("warning no record will be written: %s", strerror(errno));
    notify_prepare(getenv("NOTIFY_SOCKET"));
    tzset(); /* gmtime_r would otherwise read the zone file, and allocate, when it is first used */
    harden();
    answer("ready %d %llu %lld", (int)getpid(), (unsigned long long)start_ticks_of(getpid()), (long long)boot_ms());
}
