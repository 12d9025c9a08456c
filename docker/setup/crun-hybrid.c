/*
 * Runs crun. On a machine that mounts cgroup v1 and v2 both, where crun fails with "cgroups in hybrid mode not
 * supported", crun gets a mount namespace of its own without the v2 hierarchy. A program and not a script, because it
 * runs four times in the life of a sandbox: README.md, "Decisions".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define V2 "/sys/fs/cgroup/unified"

/* Whether v2 has controllers beside those of v1: crun accepts an empty v2 hierarchy. */
static int is_hybrid(void) {
  char first;
  int list = open(V2 "/cgroup.controllers", O_RDONLY | O_CLOEXEC);
  if (list < 0) return 0;
  ssize_t length = read(list, &first, 1);
  close(list);
  return length > 0;
}

static int hide_v2(void) {
  if (unshare(CLONE_NEWNS) < 0) return -1;
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -1;
  return umount2(V2, MNT_DETACH);
}

int main(int argc, char **argv) {
  (void)argc;
  if (is_hybrid() && hide_v2() < 0) {
    fprintf(stderr, "crun-hybrid: %s cannot be hidden: %s\n", V2, strerror(errno));
    return 1;
  }
  argv[0] = "crun";
  execvp("crun", argv);
  fprintf(stderr, "crun-hybrid: crun cannot be run: %s\n", strerror(errno));
  return 127;
}
