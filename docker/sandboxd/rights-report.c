#include "rights-report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SELF_SCORE "/proc/self/oom_score_adj"
#define FIRST_SCORE "/proc/1/oom_score_adj"
#define TRIAL_FILE "/.faultline-trial"
#define CG "/sys/fs/cgroup/"

static const char *const files[] = {
    "/proc/self/status",
    "/proc/self/limits",
    "/proc/self/mountinfo",
    "/proc/net/dev",
    "/proc/meminfo",
    "/proc/sys/kernel/random/boot_id",
    CG "cpu.max",
    CG "cpu/cpu.cfs_quota_us",
    CG "cpu/cpu.cfs_period_us",
    CG "memory.swap.max",
    CG "memory/memory.memsw.limit_in_bytes",
    CG "memory/memory.kmem.tcp.limit_in_bytes",
};

/* "= PATH", then the file's lines, each behind a space. A file that is not there has no lines. */
static void print_file(const char *path) {
  FILE *file = fopen(path, "re");
  char line[1 << 14];
  printf("= %s\n", path);
  while (file && fgets(line, sizeof line, file)) printf(" %s", line);
  if (file) fclose(file);
}

/* "! NAME ERRNO" of something tried; 0: it succeeded. */
static void print_attempt(const char *name, int error) { printf("! %s %d\n", name, error); }

static int write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
  close(fd);
  return error;
}

static int limit_first_process(void) {
  struct rlimit limit;
  return syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, NULL, &limit) < 0 ? errno : 0;
}

/* Fills a file until `bytes` are on the disk or the kernel refuses more. */
static int fill(int fd, uint64_t bytes, uint64_t *written) {
  static const char block[1 << 16];
  while (*written < bytes) {
    ssize_t n = write(fd, block, sizeof block);
    if (n < 0) return errno;
    *written += (uint64_t)n;
  }
  return fsync(fd) < 0 ? errno : 0;
}

static void print_root(uint64_t bytes) {
  uint64_t written = 0;
  int fd = open(TRIAL_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  print_attempt("create in /", fd < 0 ? errno : 0);
  if (fd < 0) return;
  print_attempt("fill", fill(fd, bytes, &written));
  printf("# written %llu\n", (unsigned long long)written);
  close(fd);
  unlink(TRIAL_FILE);
}

int rights_report(uint64_t bytes) {
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) print_file(files[i]);
  print_attempt("lower " SELF_SCORE, write_text(SELF_SCORE, "0"));
  print_attempt("raise " FIRST_SCORE, write_text(FIRST_SCORE, "1000"));
  print_attempt("limits of the first process", limit_first_process());
  print_root(bytes);
  return fflush(stdout) == 0 ? 0 : 1;
}
