#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "rights.h"
#include "settings.h"
#include "watch.h"

static void report(int fd, int32_t what, int32_t value) {
  struct child_message message = {what, value};
  while (write(fd, &message, sizeof message) < 0 && errno == EINTR) continue;
}

void spawn_prepare(void) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  for (int signal = 1; signal <= 64; signal++) sigaction(signal, &action, NULL);
}

/* Makes the kernel end supervisors and commands before PID 1 where memory runs out. */
static void raise_oom_score(void) {
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

/* False where a parent was entered instead. */
static bool enter_directory(const char *directory) {
  char path[4096];
  if (chdir(directory) == 0) return true;
  strncpy(path, directory, sizeof path - 1);
  path[sizeof path - 1] = 0;
  for (char *slash = strrchr(path, '/'); slash && slash != path; slash = strrchr(path, '/')) {
    *slash = 0;
    if (chdir(path) == 0) return false;
  }
  if (chdir("/") < 0) _exit(126);
  return false;
}

static void inherit(int from, int to) {
  if (from == to) fcntl(to, F_SETFD, 0);
  else dup2(from, to);
}

/* Runs between vfork and exec: must not allocate, and must write to nothing but its stack and `*error`. */
static _Noreturn void command(const struct launch *launch, int report_fd, volatile int *error) {
  setsid();
  for (int i = 0; i < 3; i++) inherit(launch->streams[i], i);
  if (launch->inherited >= 0) inherit(launch->inherited, INHERITED_FD);
  *error = drop_rights();
  if (*error) _exit(126);
  if (!enter_directory(launch->directory)) report(report_fd, IS_ELSEWHERE, 0);
  report(report_fd, PID_IS, getpid());
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
    if (info.si_pid == main) report(0, HAS_ENDED, wait_status(&info));
    waitpid(info.si_pid, NULL, WNOHANG);
  }
}

static _Noreturn void supervise(const struct launch *launch, int report_fd) {
  volatile int error = 0;
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  unblock_signals();
  raise_oom_score();
  pid_t pid = vfork();
  if (pid == 0) command(launch, report_fd, &error);
  if (pid < 0) {
    report(report_fd, FORK_FAILED, errno);
    _exit(0);
  }
  close_all_but(report_fd);
  if (error) {
    report(0, EXEC_FAILED, error);
    _exit(0);
  }
  report(0, HAS_STARTED, pid);
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
  child_add(child);
  return 0;
}

int spawn_worker(struct child *child, void (*work)(void *), void *argument) {
  *child = (struct child){.report = -1, .start_ticks = ticks_now(), .direct = true};
  pid_t pid = fork();
  if (pid == 0) {
    unblock_signals();
    raise_oom_score();
    if (drop_rights() != 0) _exit(126);
    work(argument);
    _exit(126);
  }
  if (pid < 0) return errno;
  child->supervisor = child->main = pid;
  child->started = true;
  child_add(child);
  return 0;
}
