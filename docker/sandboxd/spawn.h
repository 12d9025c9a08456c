/* Starting processes.
 *
 * PID 1 forks a supervisor, which is the subreaper of all that the command will ever start, so that a command owns its
 * processes whatever they fork. The supervisor starts the command by vfork, and reports over a pipe that is closed in the
 * command. It reports the command's status before it reaps, so that the status survives the supervisor: a model that is
 * root can kill it. */
#ifndef SPAWN_H
#define SPAWN_H

#include "child.h"

/* The number under which a command finds the one descriptor that it may inherit beside its streams. Higher than all of
 * sandboxd's own. */
#define INHERITED_FD 198

struct launch {
  const char *const *candidates; /* paths to try in order, NULL at the end; NULL alone: sandboxd's own binary */
  char *const *argv;
  char *const *environment;
  const char *directory; /* where it does not exist, its nearest existing parent is taken */
  int streams[3];
  int inherited; /* becomes INHERITED_FD; -1: none */
};

/* Gives all signals their default disposition, which commands inherit, and by which the kernel protects PID 1. */
void spawn_prepare(void);
/* Returns 0, or the errno that kept the supervisor from being started. Whether the command itself could be started is
 * reported later. */
int spawn(struct child *child, const struct launch *launch);
/* Runs `work`, which must not return, in a child with the model's rights. Returns 0 or errno. */
int spawn_worker(struct child *child, void (*work)(void *), void *argument);

#endif
