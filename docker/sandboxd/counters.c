#include "counters.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

struct source {
  const char *path;
  const char *key; /* how the line begins; NULL: the file is the number */
  int64_t divisor;
  int fd;
};

#define ALTERNATIVES 3
#define CG "/sys/fs/cgroup/"
/* Of each counter the paths of cgroup v2 and v1. Which of them exist tells the two apart. */
static struct source sources[COUNTERS][ALTERNATIVES] = {
    [COUNTER_OOM_KILLS] = {{CG "memory.events.local", "oom_kill ", 1, -1},
                           {CG "memory/memory.oom_control", "oom_kill ", 1, -1},
                           {CG "memory.events", "oom_kill ", 1, -1}},
    [COUNTER_MEMORY_USAGE_BYTES] = {{CG "memory.current", NULL, 1, -1},
                                    {CG "memory/memory.usage_in_bytes", NULL, 1, -1}},
    [COUNTER_MEMORY_PEAK_BYTES] = {{CG "memory.peak", NULL, 1, -1},
                                   {CG "memory/memory.max_usage_in_bytes", NULL, 1, -1}},
    [COUNTER_MEMORY_LIMIT_BYTES] = {{CG "memory.max", NULL, 1, -1},
                                    {CG "memory/memory.limit_in_bytes", NULL, 1, -1}},
    [COUNTER_PIDS_CURRENT] = {{CG "pids.current", NULL, 1, -1}, {CG "pids/pids.current", NULL, 1, -1}},
    [COUNTER_PIDS_LIMIT] = {{CG "pids.max", NULL, 1, -1}, {CG "pids/pids.max", NULL, 1, -1}},
    [COUNTER_PIDS_LIMIT_HITS] = {{CG "pids.events", "max ", 1, -1}, {CG "pids/pids.events", "max ", 1, -1}},
    [COUNTER_CPU_USAGE_US] = {{CG "cpu.stat", "usage_usec ", 1, -1},
                              {CG "cpuacct/cpuacct.usage", NULL, 1000, -1},
                              {CG "cpu,cpuacct/cpuacct.usage", NULL, 1000, -1}},
    [COUNTER_CPU_THROTTLED_US] = {{CG "cpu.stat", "throttled_usec ", 1, -1},
                                  {CG "cpu/cpu.stat", "throttled_time ", 1000, -1},
                                  {CG "cpu,cpuacct/cpu.stat", "throttled_time ", 1000, -1}},
    [COUNTER_CPU_THROTTLED_PERIODS] = {{CG "cpu.stat", "nr_throttled ", 1, -1},
                                       {CG "cpu/cpu.stat", "nr_throttled ", 1, -1},
                                       {CG "cpu,cpuacct/cpu.stat", "nr_throttled ", 1, -1}},
    [COUNTER_MEMORY_LIMIT_HITS] = {{CG "memory.events.local", "oom ", 1, -1},
                                   {CG "memory/memory.failcnt", NULL, 1, -1},
                                   {CG "memory.events", "oom ", 1, -1}},
    [COUNTER_MEMORY_REACHED_BYTES] = {{CG "memory.peak", NULL, 1, -1},
                                      {CG "memory/memory.memsw.max_usage_in_bytes", NULL, 1, -1},
                                      {CG "memory/memory.max_usage_in_bytes", NULL, 1, -1}},
    [COUNTER_PIDS_PEAK] = {{CG "pids.peak", NULL, 1, -1}, {CG "pids/pids.peak", NULL, 1, -1}},
};
/* cgroup v1 counts the limit on memory and swap together apart from the one on memory. */
static struct source swap_hits = {CG "memory/memory.memsw.failcnt", NULL, 1, -1};
static bool swap_unknown;
static int root_fd = -1;

/* -1 for "max" and for the largest page count of v1: both mean that there is no limit. */
static int64_t number(const char *text) {
  if (*text < '0' || *text > '9') return -1;
  unsigned long long value = strtoull(text, NULL, 10);
  return value < 1ull << 53 ? (int64_t)value : -1;
}

static int64_t read_source(const struct source *source) {
  char text[1024];
  ssize_t n = pread(source->fd, text, sizeof text - 1, 0);
  if (n <= 0) return -1;
  text[n] = 0;
  const char *at = text;
  size_t key = source->key ? strlen(source->key) : 0;
  while (key && strncmp(at, source->key, key) != 0) {
    at = strchr(at, '\n');
    if (!at) return -1;
    at++;
  }
  int64_t value = number(at + key);
  return value < 0 ? -1 : value / source->divisor;
}

void counters_open(void) {
  root_fd = open("/", O_PATH | O_CLOEXEC);
  swap_hits.fd = open(swap_hits.path, O_RDONLY | O_CLOEXEC);
  /* Without the file there is no such limit. */
  swap_unknown = swap_hits.fd < 0 && errno != ENOENT;
  for (int i = 0; i < COUNTERS; i++) {
    for (int k = 0; k < ALTERNATIVES; k++) {
      struct source *source = &sources[i][k];
      if (!source->path) break;
      source->fd = open(source->path, O_RDONLY | O_CLOEXEC);
      if (source->fd < 0) continue;
      if (!source->key || read_source(source) >= 0) break;
      close(source->fd);
      source->fd = -1;
    }
  }
}

static int64_t with_swap_hits(int64_t memory_hits) {
  if (memory_hits < 0 || swap_unknown) return -1;
  if (swap_hits.fd < 0) return memory_hits;
  int64_t hits = read_source(&swap_hits);
  return hits < 0 ? -1 : memory_hits + hits;
}

void counters_read(int64_t out[COUNTERS]) {
  for (int i = 0; i < COUNTERS; i++) {
    out[i] = -1;
    for (int k = 0; k < ALTERNATIVES; k++)
      if (sources[i][k].path && sources[i][k].fd >= 0) out[i] = read_source(&sources[i][k]);
  }
  out[COUNTER_MEMORY_LIMIT_HITS] = with_swap_hits(out[COUNTER_MEMORY_LIMIT_HITS]);
  struct statfs fs;
  bool known = fstatfs(root_fd, &fs) == 0;
  out[COUNTER_ROOT_FREE_BYTES] = known ? (int64_t)(fs.f_bavail * (uint64_t)fs.f_bsize) : -1;
  out[COUNTER_ROOT_FREE_INODES] = known ? (int64_t)fs.f_ffree : -1;
}
