#include "own.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PROC_MAGIC 0x9fa0

/* The kernel asks for the right to trace a process before it shows these, and for no right where it is the reader's own;
 * the last five change it. */
static const char *const names[] = {"mem",   "maps",    "smaps", "smaps_rollup", "numa_maps", "pagemap",   "auxv",
                                    "stack", "syscall", "wchan", "environ",      "io",        "personality", "timers",
                                    "patch_state", "stat_ksm", "ksm_stat", "ksm_merging_pages",
                                    "clear_refs", "coredump_filter", "oom_adj", "oom_score_adj", "timerslack_ns"};
#define NAMES (sizeof names / sizeof names[0])

/* By the file itself, whatever name led there: a link, a mount, another process's root. */
static bool same_file(const struct stat *st) {
  static const char *const folders[] = {"/proc/self/", "/proc/thread-self/"};
  for (size_t i = 0; i < 2 * NAMES; i++) {
    char path[64];
    struct stat own;
    snprintf(path, sizeof path, "%s%s", folders[i % 2], names[i / 2]);
    if (stat(path, &own) == 0 && own.st_dev == st->st_dev && own.st_ino == st->st_ino) return true;
  }
  return false;
}

/* By its path, where the kernel numbers these files anew each time: .../PID/NAME or .../PID/task/PID/NAME. */
static bool same_path(int fd) {
  char link[32], path[256], own[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  if (n <= 0) return false;
  path[n] = 0;
  char *name = strrchr(path, '/');
  if (!name) return false;
  *name++ = 0;
  snprintf(own, sizeof own, "/%d", (int)getpid());
  char *last = strrchr(path, '/');
  if (!last || (strcmp(last, own) != 0 && !strstr(path, "self"))) return false;
  for (size_t i = 0; i < NAMES; i++)
    if (strcmp(name, names[i]) == 0) return true;
  return false;
}

bool is_own(int fd) {
  struct statfs fs;
  struct stat st;
  if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0) return true;
  return (unsigned long)fs.f_type == PROC_MAGIC && (same_file(&st) || same_path(fd));
}
