#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct process {
  pid_t pid, parent;
  bool alive, ours;
  uint64_t start;
};

/* More than a sandbox policy allows. What does not fit is found by the next pass. */
#define PROCESSES_MAX 8192
static struct process processes[PROCESSES_MAX];

static bool read_stat(int proc, const char *name, struct process *out) {
  char path[32], text[512];
  snprintf(path, sizeof path, "%.16s/stat", name);
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return false;
  text[n] = 0;
  /* The process chooses the name in brackets, and it may hold anything: fields are counted from the last bracket. */
  const char *rest = strrchr(text, ')');
  char state;
  int parent, threads;
  unsigned long long start;
  if (!rest || sscanf(rest + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu",
                      &state, &parent, &threads, &start) != 4)
    return false;
  /* A leader whose other threads still run looks like a zombie. */
  bool alive = (state != 'Z' && state != 'X') || threads > 1;
  *out = (struct process){.pid = atoi(name), .parent = parent, .alive = alive, .start = start};
  return true;
}

static int list_processes(void) {
  DIR *directory = opendir("/proc");
  int count = 0;
  if (!directory) return 0;
  for (struct dirent *entry; count < PROCESSES_MAX && (entry = readdir(directory));) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (read_stat(dirfd(directory), entry->d_name, &processes[count])) count++;
  }
  closedir(directory);
  return count;
}

/* Roots: the supervisor's children; where it was killed, the command, and orphans that started after it. */
static bool is_root(const struct process *p, const struct child *child) {
  if (child->supervisor) return p->parent == child->supervisor;
  return p->pid == child->main || (p->parent == 1 && p->start >= child->start_ticks && !is_supervisor(p->pid));
}

static void mark(int count, const struct child *child) {
  bool changed = true;
  for (int i = 0; i < count; i++) processes[i].ours = is_root(&processes[i], child);
  while (changed) {
    changed = false;
    for (int i = 0; i < count; i++) {
      for (int k = 0; k < count && !processes[i].ours; k++) {
        if (!processes[k].ours || processes[k].pid != processes[i].parent) continue;
        processes[i].ours = changed = true;
      }
    }
  }
}

static struct cpu_time read_cpu_time(int task, const char *thread) {
  char path[48], text[96];
  long long ran, waited;
  snprintf(path, sizeof path, "%.32s/schedstat", thread);
  int fd = openat(task, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return (struct cpu_time){0};
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return (struct cpu_time){0};
  text[n] = 0;
  if (sscanf(text, "%lld %lld", &ran, &waited) != 2) return (struct cpu_time){0};
  return (struct cpu_time){ran / 1000000, waited / 1000000};
}

struct cpu_time cpu_time_of(pid_t pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d", pid);
  return read_cpu_time(AT_FDCWD, path);
}

/* Processors by bit, 8,192 of them. */
struct processors {
  uint64_t words[128];
};

static bool read_affinity(pid_t thread, struct processors *out) {
  memset(out, 0, sizeof *out);
  return syscall(SYS_sched_getaffinity, thread, sizeof out->words, out->words) > 0;
}

/* Of PID 1: all that the container may use. */
static struct processors own;
static bool own_known;

/* A thread that may not use every processor of the container waits by its own choice: others may be free meanwhile. Also
 * true where that is not known. */
static bool pinned(pid_t thread) {
  struct processors its;
  if (!own_known || !read_affinity(thread, &its)) return true;
  for (size_t i = 0; i < sizeof own.words / sizeof *own.words; i++)
    if (own.words[i] & ~its.words[i]) return true;
  return false;
}

/* While a thread waits, its processor runs a sibling, runs nothing because of the container's quota, or runs a process
 * outside. The first two together are at most what the container used without this thread: what the thread waited beyond
 * that, it waited for processes outside. */
static int64_t starved_ms(struct cpu_time thread, int64_t used) {
  int64_t siblings = used > thread.ran ? used - thread.ran : 0;
  return thread.waited > siblings ? thread.waited - siblings : 0;
}

static int64_t threads_starved_ms(pid_t pid, int64_t used) {
  char path[32];
  int64_t most = 0;
  snprintf(path, sizeof path, "/proc/%d/task", pid);
  DIR *directory = opendir(path);
  if (!directory) return 0;
  for (struct dirent *entry; (entry = readdir(directory));) {
    if (entry->d_name[0] == '.' || pinned(atoi(entry->d_name))) continue;
    int64_t starved = starved_ms(read_cpu_time(dirfd(directory), entry->d_name), used);
    if (starved > most) most = starved;
  }
  closedir(directory);
  return most;
}

int64_t tree_starved_ms(const struct child *child, struct cpu_time main_before, uint64_t since, int64_t used) {
  int count = list_processes();
  struct cpu_time main = cpu_time_of(child->main);
  struct cpu_time since_before = {main.ran - main_before.ran, main.waited - main_before.waited};
  own_known = read_affinity(0, &own);
  int64_t most = pinned(child->main) ? 0 : starved_ms(since_before, used);
  mark(count, child);
  for (int i = 0; i < count; i++) {
    const struct process *p = &processes[i];
    if (!p->ours || !p->alive || p->start < since || (p->pid == child->main && main_before.ran > 0)) continue;
    int64_t starved = threads_starved_ms(p->pid, used);
    if (starved > most) most = starved;
  }
  return most;
}

int tree_kill(const struct child *child, pid_t spared, uint64_t since) {
  int count = list_processes(), alive = 0;
  mark(count, child);
  for (int i = 0; i < count; i++) {
    const struct process *p = &processes[i];
    if (!p->ours || !p->alive || p->pid == spared || p->start < since) continue;
    alive++;
    kill(p->pid, SIGKILL);
  }
  return alive;
}
