/* Starting commands. PID 1 forks a supervisor, which is the subreaper of all that the command will ever start, so
 * that ownership survives double forks; the supervisor starts the command by vfork and reports over a pipe that
 * is closed in the command. It writes a status before it reaps, so that killing it (a root model can) loses none. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sandboxd.h"

/* What a supervisor says: 8 bytes each, so every write is atomic. */
struct word {
  int32_t what, value;
};
enum { PID_IS = 1, HAS_STARTED, FORK_FAILED, EXEC_FAILED, HAS_ENDED };

/* As in linux/capability.h, which musl does not bring along. */
#define CAPABILITY_VERSION 0x20080522
struct cap_header {
  uint32_t version;
  int pid;
};
struct cap_data {
  uint32_t effective, permitted, inheritable;
};

static void say(int fd, int32_t what, int32_t value) {
  struct word word = {what, value};
  while (write(fd, &word, sizeof word) < 0 && errno == EINTR) continue;
}

/* Those in PID 1's bounding set that commands do not keep. PID 1 never changes its own. */
static uint64_t bounding_excess;

void spawn_prepare(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int cap = 0; cap < 64; cap++)
    if (!(settings.keep_caps >> cap & 1) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) bounding_excess |= 1ull << cap;
  /* Children inherit dispositions; default ones are also what makes PID 1 unkillable. */
  for (int signal = 1; signal <= 64; signal++) sigaction(signal, &action, NULL);
}

static int drop_bounding(void) {
  for (int cap = 0; cap < 64; cap++)
    if (bounding_excess >> cap & 1 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) return errno;
  return 0;
}

static int set_caps(void) {
  struct cap_header header = {CAPABILITY_VERSION, 0};
  struct cap_data data[2];
  if (syscall(SYS_capget, &header, data) < 0) return errno;
  for (int i = 0; i < 2; i++) {
    uint32_t keep = (uint32_t)(settings.keep_caps >> (32 * i)) & data[i].permitted;
    data[i].permitted = data[i].effective = keep;
    data[i].inheritable = settings.uid == 0 ? 0 : keep;
  }
  if (syscall(SYS_capset, &header, data) < 0) return errno;
  for (int cap = 0; settings.uid != 0 && cap < 64; cap++)
    if (data[cap / 32].permitted >> (cap % 32) & 1) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
  return 0;
}

int drop_rights(void) {
  int error = drop_bounding();
  if (error) return error;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (settings.uid != 0 && settings.keep_caps) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  /* Raw calls: the C library's own synchronise threads, in memory that is shared during vfork. */
  if (syscall(SYS_setgroups, 0, NULL) < 0) return errno;
  if (syscall(SYS_setresgid, settings.gid, settings.gid, settings.gid) < 0) return errno;
  if (syscall(SYS_setresuid, settings.uid, settings.uid, settings.uid) < 0) return errno;
  return set_caps();
}

/* Supervisors and all below are likelier victims of the memory limit than PID 1. */
static void become_expendable(void) {
  int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  char text[16] = "";
  ssize_t n = read(fd, text, sizeof text - 1);
  int score = n > 0 ? atoi(text) : 0;
  score = score + 300 > 1000 ? 1000 : score + 300;
  n = 0;
  for (int rest = score < 0 ? -score : score, unit = 1000; unit > 0; rest %= unit, unit /= 10)
    text[n++] = (char)('0' + rest / unit);
  if (score < 0) memmove(text + 1, text, (size_t)n++), text[0] = '-';
  if (write(fd, text, (size_t)n) < 0) errno = 0;
  close(fd);
}

static void unblock_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void enter_directory(const char *directory) {
  char path[4096];
  if (chdir(directory) == 0) return;
  strncpy(path, directory, sizeof path - 1);
  path[sizeof path - 1] = 0;
  for (char *slash = strrchr(path, '/'); slash && slash != path; slash = strrchr(path, '/')) {
    *slash = 0;
    if (chdir(path) == 0) return;
  }
  if (chdir("/") < 0) _exit(126);
}

static void inherit(int from, int to) {
  if (from == to) fcntl(to, F_SETFD, 0);
  else dup2(from, to);
}

/* Between vfork and exec: no allocation, and only the stack and `*error` are written. */
static _Noreturn void command(const struct launch *launch, int report, volatile int *error) {
  setsid();
  for (int i = 0; i < 3; i++) inherit(launch->streams[i], i);
  if (launch->inherited >= 0) inherit(launch->inherited, INHERITED_FD);
  *error = drop_rights();
  if (*error) _exit(126);
  enter_directory(launch->directory);
  say(report, PID_IS, getpid());
  int failure = ENOENT;
  if (!launch->candidates[0]) {
    syscall(SYS_execveat, settings.self_fd, "", launch->argv, launch->environment, AT_EMPTY_PATH);
    execve("/proc/self/exe", launch->argv, launch->environment);
    failure = errno;
  }
  for (const char *const *path = launch->candidates; *path; path++) {
    execve(*path, launch->argv, launch->environment);
    if (errno != ENOENT && errno != ENOTDIR) failure = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  *error = failure;
  _exit(127);
}

static void close_all_but(int kept) {
  if (dup2(kept, 0) < 0) _exit(1);
  if (syscall(SYS_close_range, 1, ~0u, 0) == 0) return;
  for (int fd = 1; fd <= 1024; fd++) close(fd);
}

static int wait_status(const siginfo_t *info) {
  if (info->si_code == CLD_EXITED) return (info->si_status & 0xff) << 8;
  return info->si_code == CLD_DUMPED ? info->si_status | 0x80 : info->si_status;
}

static _Noreturn void reap_until_alone(pid_t main) {
  siginfo_t info;
  for (;;) {
    if (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) < 0) {
      if (errno == ECHILD) _exit(0);
      continue;
    }
    if (info.si_pid == main) say(0, HAS_ENDED, wait_status(&info));
    waitpid(info.si_pid, NULL, WNOHANG);
  }
}

static _Noreturn void supervise(const struct launch *launch, int report) {
  volatile int error = 0;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  unblock_signals();
  become_expendable();
  pid_t pid = vfork();
  if (pid == 0) command(launch, report, &error);
  if (pid < 0) {
    say(report, FORK_FAILED, errno);
    _exit(0);
  }
  close_all_but(report);
  if (error) {
    say(0, EXEC_FAILED, error);
    _exit(0);
  }
  say(0, HAS_STARTED, pid);
  reap_until_alone(pid);
}

int spawn(struct child *child, const struct launch *launch) {
  int ends[2];
  *child = (struct child){.report = -1, .start_ticks = ticks_now()};
  if (pipe2(ends, O_CLOEXEC) < 0) return errno;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  pid_t pid = fork();
  if (pid == 0) supervise(launch, ends[1]);
  int error = errno;
  close(ends[1]);
  if (pid < 0) {
    close(ends[0]);
    return error;
  }
  child->supervisor = pid;
  child->report = ends[0];
  watch(child->report);
  return 0;
}

int spawn_worker(struct child *child, void (*work)(void *), void *argument) {
  *child = (struct child){.report = -1, .start_ticks = ticks_now(), .direct = true};
  pid_t pid = fork();
  if (pid == 0) {
    unblock_signals();
    become_expendable();
    if (drop_rights() != 0) _exit(126);
    work(argument);
    _exit(126);
  }
  if (pid < 0) return errno;
  child->supervisor = child->main = pid;
  child->started = true;
  return 0;
}

static void heard(struct child *child, struct word word) {
  switch (word.what) {
    case PID_IS: child->main = word.value; return;
    case HAS_STARTED: child->started = true; return;
    case HAS_ENDED:
      child->started = child->ended = true;
      child->status = word.value;
      return;
    default:
      child->failed = true;
      child->error = word.value;
      child->stage = word.what == FORK_FAILED ? STAGE_FORK : STAGE_EXEC;
  }
}

void child_listen(struct child *child) {
  struct word word;
  while (child->report >= 0) {
    ssize_t n = read(child->report, &word, sizeof word);
    if (n == (ssize_t)sizeof word) {
      if (!child->ended && !child->failed) heard(child, word);
      continue;
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    unwatch_close(&child->report);
  }
}

bool child_reaped(struct child *child, pid_t pid, int status) {
  child_listen(child);
  if (pid == child->supervisor) {
    child->supervisor = 0;
    if (!child->direct) return true;
  } else if (pid != child->main || child->ended || child->failed) {
    return false;
  }
  /* The worker itself, or a command that became PID 1's own child because its supervisor was killed. */
  child->ended = child->started = true;
  child->status = status;
  return true;
}
