/*
 * PID 1 of a sandbox. One process, one thread, one loop: frames from standard input, frames to standard output, output
 * pipes, children, clocks. All signals have their default disposition: the kernel then ignores them for PID 1, SIGPIPE
 * included, so that no process in its pid namespace can kill it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "counters.h"
#include "endings.h"
#include "frames.h"
#include "outbox.h"
#include "relay.h"
#include "reports.h"
#include "rights-report.h"
#include "rights.h"
#include "settings.h"
#include "spawn.h"
#include "table.h"
#include "watch.h"

#ifndef VERSION
#define VERSION "unversioned"
#endif
#define READY_MAX 32

static int signal_fd;
static struct decoder decoder;
static bool input_left;
static uint64_t refused;

/* ---- frames ---- */

static void resume(void) {
  uint32_t running[CALLS_MAX];
  struct state state = {.running = running, .running_n = (size_t)calls_running(running), .last_call = number_last(),
                        .refused_frames = decoder.refused + refused + calls_refused()};
  outbox_attach();
  struct bytes frame = report_state(&state);
  outbox_send(&frame);
  endings_send_all();
}

/* Only `resume` may come from a controller that does not know the instance yet. */
static bool is_addressed(const struct frame *frame) {
  static const uint8_t unknown[INSTANCE_BYTES];
  if (memcmp(frame->instance, settings.instance, INSTANCE_BYTES) == 0) return true;
  return frame->type == COMMAND_RESUME && memcmp(frame->instance, unknown, INSTANCE_BYTES) == 0;
}

static void execute(const struct frame *frame) {
  switch (is_addressed(frame) ? frame->type : 0) {
    case COMMAND_RESUME: resume(); return;
    case COMMAND_START: calls_start(frame->call, frame->fields); return;
    case COMMAND_ACKNOWLEDGE: calls_acknowledge(frame->call); return;
    case COMMAND_CANCEL: calls_cancel(frame->call); return;
    default: refused++;
  }
}

/* ---- the loop ---- */

/* sandboxd goes on after the end of its input, as Docker may attach again. */
static void read_input(void) {
  static uint8_t chunk[65536];
  ssize_t n = read(0, chunk, sizeof chunk);
  input_left = n > 0 || (n < 0 && errno == EINTR);
  if (n <= 0) return;
  struct span input = {chunk, (size_t)n};
  struct frame frame;
  while (decoder_next(&decoder, &input, &frame)) execute(&frame);
}

static void read_signals(void) {
  struct signalfd_siginfo info[16];
  while (read(signal_fd, info, sizeof info) > 0) continue;
  calls_children_changed();
}

static void handle(int fd) {
  if (fd == STDIN_FILENO) read_input();
  else if (fd == STDOUT_FILENO) outbox_flush();
  else if (fd == signal_fd) read_signals();
  else if (!relay_ready(fd)) calls_ready(fd);
}

static void loop(void) {
  int ready[READY_MAX];
  for (;;) {
    int n = watch_wait(ready, READY_MAX, input_left ? 0 : calls_next_timeout());
    for (int i = 0; i < n; i++) handle(ready[i]);
    if (input_left) read_input();
    calls_clocks();
    outbox_flush();
  }
}

/* ---- start ---- */

static void open_streams(void) {
  if (syscall(SYS_close_range, 3, ~0u, 0) < 0)
    for (int fd = 3; fd < 1024; fd++) close(fd);
  for (int fd = 0; fd < 3; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) _exit(71);
  for (int fd = 0; fd < 2; fd++) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  fcntl(2, F_SETFD, FD_CLOEXEC);
  settings.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  settings.self_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

static void open_events(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigprocmask(SIG_SETMASK, &set, NULL);
  signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  watch_open();
  watch(signal_fd);
  watch_arrivals(STDIN_FILENO);
}

/* As in linux/sched/types.h, which musl does not provide. */
struct sched_attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns, deadline_ns, period_ns;
};

/* The shortest scheduling slice that the kernel gives, which commands inherit: README.md, "Short scheduling slices". Where
 * the kernel has no such setting (before Linux 6.12, gVisor) nothing changes. */
static void shorten_slice(void) {
  struct sched_attributes wanted = {.size = sizeof wanted, .runtime_ns = 100000};
  syscall(SYS_sched_setattr, 0, &wanted, 0);
}

static bool parse_user(const char *text) {
  char *end;
  settings.uid = (uid_t)strtoul(text, &end, 10);
  if (end == text || *end != ':') return false;
  text = end + 1;
  settings.gid = (gid_t)strtoul(text, &end, 10);
  return end != text && *end == 0;
}

static bool parse_caps(const char *text) {
  char *end;
  settings.keep_caps = strtoull(text, &end, 16);
  return end != text && *end == 0;
}

static bool parse_arguments(int argc, char **argv) {
  bool user = false, caps = false;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--user") == 0) user = parse_user(argv[i + 1]);
    else if (strcmp(argv[i], "--keep-caps") == 0) caps = parse_caps(argv[i + 1]);
    else if (strcmp(argv[i], "--driver") == 0) settings.driver = argv[i + 1];
    else if (strcmp(argv[i], "--egress") == 0) settings.egress = argv[i + 1];
    else return false;
  }
  return user && caps && argc % 2 == 1;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--noop") == 0) return 0;
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts(VERSION) < 0;
  if (argc == 3 && strcmp(argv[1], "--rights-report") == 0) return rights_report(strtoull(argv[2], NULL, 10));
  if (!parse_arguments(argc, argv)) {
    dprintf(2, "usage: sandboxd --user UID:GID --keep-caps HEXMASK [--driver PATH] [--egress PATH] | --noop | --version | --rights-report BYTES\n");
    return 64;
  }
  settings.version = VERSION;
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (getrandom(settings.instance, INSTANCE_BYTES, 0) != INSTANCE_BYTES) return 71;
  shorten_slice();
  open_streams();
  open_events();
  spawn_prepare();
  rights_prepare();
  settings_complete();
  counters_open();
  if (settings.egress && !relay_open(settings.egress)) return 71;
  loop();
}
