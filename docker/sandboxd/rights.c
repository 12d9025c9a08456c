#include "rights.h"

#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "settings.h"

/* As in linux/capability.h, which musl does not provide. */
#define CAPABILITY_VERSION 0x20080522
struct cap_header {
  uint32_t version;
  int pid;
};
struct cap_data {
  uint32_t effective, permitted, inheritable;
};

/* Capabilities in PID 1's bounding set that commands do not keep. PID 1 never changes its own set. */
static uint64_t bounding_excess;

void rights_prepare(void) {
  for (int cap = 0; cap < 64; cap++)
    if (!(settings.keep_caps >> cap & 1) && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1) bounding_excess |= 1ull << cap;
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
  /* System calls: the C library's functions synchronise threads, in memory that is shared during vfork. */
  if (syscall(SYS_setgroups, 0, NULL) < 0) return errno;
  if (syscall(SYS_setresgid, settings.gid, settings.gid, settings.gid) < 0) return errno;
  if (syscall(SYS_setresuid, settings.uid, settings.uid, settings.uid) < 0) return errno;
  return set_caps();
}
