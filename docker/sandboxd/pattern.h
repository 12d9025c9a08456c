/* Regular expressions in the notation that Perl, Python and ripgrep share, without what needs backtracking. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "program.h"

struct pattern_problem {
  const char *text;  /* a constant */
  bool unsupported;  /* else it is malformed */
  size_t character;  /* where, from 1 */
};

/* False, with the problem, where the pattern cannot be compiled. `program` is to be freed in both cases. Without
 * `line_breaks` a pattern that can match a line break alone is refused: no line holds one. */
bool pattern_compile(const char *text, bool line_breaks, struct program *program, struct pattern_problem *problem);

#endif
