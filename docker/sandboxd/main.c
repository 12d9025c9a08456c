/*
 * PID 1 of a sandbox. One thread, one loop: frames from standard input, frames to standard output, output pipes,
 * children, clocks. All signals have their default disposition: for PID 1 the kernel then
 * ignores them, SIGPIPE included, and nobody in its pid namespace can kill it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandboxd.h"

#ifndef VERSION
#define VERSION "unversioned"
#endif

static int epoll_fd, signal_fd;
static struct decoder decoder;
static bool input_left, output_watched;

void watch(int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

/* Taken out by name: a forked supervisor may for a moment hold a copy, which would keep the entry alive. */
void unwatch_close(int *fd) {
  if (*fd < 0) return;
  epoll_ctl(epoll_fd, EPOLL_CTL_DEL, *fd, NULL);
  close(*fd);
  *fd = -1;
}

void watch_output(bool wanted) {
  if (wanted == output_watched) return;
  struct epoll_event event = {.events = EPOLLOUT, .data.fd = 1};
  epoll_ctl(epoll_fd, wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, 1, &event);
  output_watched = wanted;
}

static void send_state(void) {
  struct bytes frame = {0};
  int64_t counters[COUNTERS];
  uint8_t text[8 * COUNTERS], running[4 * CALLS_MAX];
  size_t n = 0;
  counters_read(counters);
  for (int i = 0; i < COUNTERS; i++) put_u64(text + 8 * i, (uint64_t)counters[i]);
  for (int i = 0; i < CALLS_MAX; i++)
    if (calls[i].state != CALL_FREE) put_u32(running + 4 * n++, calls[i].number);
  frame_begin(&frame, settings.instance, STATE, 0);
  frame_bytes(&frame, 20, VERSION, strlen(VERSION));
  if (settings.shell) frame_bytes(&frame, 21, settings.shell, strlen(settings.shell));
  if (settings.python) frame_bytes(&frame, 22, settings.python, strlen(settings.python));
  frame_number(&frame, 23, (uint64_t)now_ms());
  frame_bytes(&frame, 24, running, 4 * n);
  frame_number(&frame, 25, number_last());
  frame_number(&frame, 26, refused_frames + decoder.refused);
  frame_bytes(&frame, 10, text, sizeof text);
  outbox_send(&frame);
}

static void resume(void) {
  outbox_attach();
  send_state();
  endings_send_all();
}

static void obey(const struct frame *frame) {
  static const uint8_t nobody[INSTANCE_BYTES];
  bool for_us = memcmp(frame->instance, settings.instance, INSTANCE_BYTES) == 0;
  bool greeting = frame->type == RESUME && memcmp(frame->instance, nobody, INSTANCE_BYTES) == 0;
  if (!for_us && !greeting) {
    refused_frames++;
    return;
  }
  switch (frame->type) {
    case RESUME: resume(); return;
    case START: call_start(frame->call, frame->fields); return;
    case ACKNOWLEDGE: call_acknowledge(frame->call); return;
    case CANCEL: call_cancel(frame->call); return;
    default: refused_frames++;
  }
}

/* The end of input is no end of ours: Docker may attach again. Edge-triggered, so it does not make the loop spin. */
static void read_input(void) {
  static uint8_t chunk[65536];
  ssize_t n = read(0, chunk, sizeof chunk);
  input_left = n > 0 || (n < 0 && errno == EINTR);
  if (n <= 0) return;
  struct span input = {chunk, (size_t)n};
  struct frame frame;
  while (decoder_next(&decoder, &input, &frame)) obey(&frame);
}

static void read_signals(void) {
  struct signalfd_siginfo info[16];
  while (read(signal_fd, info, sizeof info) > 0) continue;
  call_children_changed();
}

static void handle(int fd) {
  if (fd == 0) read_input();
  else if (fd == 1) outbox_flush();
  else if (fd == signal_fd) read_signals();
  else if (!relay_ready(fd) && !interpreter_ready(fd)) call_ready(fd);
}

static void loop(void) {
  struct epoll_event events[32];
  for (;;) {
    int n = epoll_wait(epoll_fd, events, 32, input_left ? 0 : call_next_timeout());
    for (int i = 0; i < n; i++) handle(events[i].data.fd);
    if (input_left) read_input();
    call_timers();
    outbox_flush();
  }
}

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
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  watch(signal_fd);
  struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.fd = 0};
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, 0, &event);
}

/* As in linux/sched/types.h, which musl does not bring along. */
struct sched_attributes {
  uint32_t size, policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns, deadline_ns, period_ns;
};

/* The shortest turns of the processor that the kernel gives, for all commands too: README.md, "Short turns". What can't
   be had (before Linux 6.12, in gVisor) is done without. */
static void take_short_turns(void) {
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

static bool parse_arguments(int argc, char **argv) {
  bool user = false, caps = false;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], "--user") == 0) user = parse_user(argv[i + 1]);
    else if (strcmp(argv[i], "--keep-caps") == 0) {
      char *end;
      settings.keep_caps = strtoull(argv[i + 1], &end, 16);
      caps = end != argv[i + 1] && *end == 0;
    } else if (strcmp(argv[i], "--driver") == 0) settings.driver = argv[i + 1];
    else if (strcmp(argv[i], "--egress") == 0) settings.egress = argv[i + 1];
    else return false;
  }
  return user && caps && argc % 2 == 1;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--noop") == 0) return 0;
  if (argc == 2 && strcmp(argv[1], "--version") == 0) return puts(VERSION) < 0;
  if (!parse_arguments(argc, argv)) {
    dprintf(2, "usage: sandboxd --user UID:GID --keep-caps HEXMASK [--driver PATH] [--egress PATH] | --noop | --version\n");
    return 64;
  }
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  if (getrandom(settings.instance, INSTANCE_BYTES, 0) != INSTANCE_BYTES) return 71;
  take_short_turns();
  open_streams();
  open_events();
  spawn_prepare();
  image_prepare();
  counters_open();
  if (settings.egress && !relay_open(settings.egress)) return 71;
  loop();
}
