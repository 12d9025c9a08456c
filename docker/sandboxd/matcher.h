/* Runs a compiled pattern over a line, all alternatives at once: time is the line's length times the program's. */
#ifndef MATCHER_H
#define MATCHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "program.h"

struct thread_list {
  uint32_t *dense, *sparse;
  size_t n;
};

struct matcher {
  struct program program;
  struct thread_list now, next;
  uint32_t *stack;
  bool first[256]; /* bytes that a match can begin with */
  bool anywhere;   /* it may also begin at the end, or before any byte */
  int64_t give_up_at; /* by now_ms(): then nothing is found; 0: never */
  size_t steps;       /* since the clock was read */
};

/* Takes the program over. */
void matcher_init(struct matcher *matcher, struct program program);
/* Whether some part of the line matches. `end`: where the first such part to be complete ends. */
bool matcher_find(struct matcher *matcher, const uint8_t *line, size_t n, size_t *end);
void matcher_free(struct matcher *matcher);

#endif
