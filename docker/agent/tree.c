/* Who descends from whom, by /proc, and ending them. /proc/PID/stat never blocks, unlike cmdline or maps. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

struct process {
  pid_t pid, parent;
  bool alive, ours;
  uint64_t start;
};

/* More than a policy allows; what does not fit is found by the next pass. */
#define PROCESSES_MAX 8192
static struct process processes[PROCESSES_MAX];

uint64_t ticks_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_BOOTTIME, &t);
  return (uint64_t)t.tv_sec * 100 + (uint64_t)t.tv_nsec / 10000000;
}

static bool read_stat(int proc, const char *name, struct process *out) {
  char path[32], text[512];
  snprintf(path, sizeof path, "%.16s/stat", name);
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return false;
  text[n] = 0;
  /* The name in brackets is the process's own choice and may hold anything: fields count from the last bracket. */
  const char *rest = strrchr(text, ')');
  char state;
  int parent, threads;
  unsigned long long start;
  if (!rest || sscanf(rest + 1, " %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %llu",
                      &state, &parent, &threads, &start) != 4)
    return false;
  /* A leader that has left its threads behind looks like a zombie. */
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

static bool is_supervisor(pid_t pid) {
  for (int i = 0; i < CALLS_MAX; i++)
    if (calls[i].state != CALL_FREE && calls[i].own.supervisor == pid) return true;
  return pid == interpreter_supervisor();
}

/* Roots: children of the supervisor; where it was killed, the command and orphans that came with it. */
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
