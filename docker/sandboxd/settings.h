/* What the command line and the image give. Set once at start, before any command of the model runs; constant then. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"

struct settings {
  uid_t uid;
  gid_t gid;
  uint64_t keep_caps;
  const char *driver; /* of the interpreter, or NULL */
  const char *egress; /* unix socket of the egress proxy, or NULL */
  const char *version;
  const char *shell; /* absolute path, or NULL */
  bool shell_is_bash;
  const char *python; /* absolute path, or NULL */
  char **environment; /* of children: PID 1's own and HOME */
  const char *home_directory;
  char *directory; /* PID 1's working directory */
  int null_fd;
  int self_fd; /* sandboxd's own binary */
  uint8_t instance[INSTANCE_BYTES];
};
extern struct settings settings;

/* Fills in what the image gives, once the user is known. */
void settings_complete(void);

#endif
