#include "saved.h"

#include <stdlib.h>
#include <string.h>

/* Cuts the last part off, up to the NUL before it, and returns it. */
static char *last_part(char *text, size_t *n) {
  size_t at = *n;
  while (at > 0 && text[at - 1] != 0) at--;
  if (at == 0) return NULL;
  *n = at - 1;
  return text + at;
}

static bool parse_whole(char *text, size_t n, bool with_functions, struct saved *out) {
  char *end = last_part(text, &n);
  if (!end || strcmp(end, "end") != 0) return false;
  if (with_functions) out->functions = last_part(text, &n);
  out->exports = last_part(text, &n);
  out->directory = last_part(text, &n);
  return out->exports && out->directory;
}

bool saved_parse(char *text, size_t n, bool cut, bool with_functions, struct saved *out) {
  *out = (struct saved){0};
  if (!cut) return parse_whole(text, n, with_functions, out);
  char *before = memchr(text, 0, n);
  if (!before || !memchr(before + 1, 0, n - (size_t)(before + 1 - text))) return false;
  out->directory = before + 1;
  return true;
}

static void drop(char **environment, size_t at, struct bytes *dropped) {
  bytes_append(dropped, environment[at], strcspn(environment[at], "="));
  bytes_append(dropped, "", 1);
  free(environment[at]);
  do environment[at] = environment[at + 1];
  while (environment[at++]);
}

/* Index of the longest variable; `total` is the memory that the kernel needs for all. */
static size_t longest(char *const *environment, size_t *total) {
  size_t found = 0, most = 0;
  *total = 0;
  for (size_t i = 0; environment[i]; i++) {
    size_t n = strlen(environment[i]) + 1;
    *total += n + sizeof *environment;
    if (n > most) found = i, most = n;
  }
  return found;
}

bool saved_fit(char **environment, struct bytes *dropped) {
  for (int n = 0; n <= DROPPED_MAX; n++) {
    size_t total, at = longest(environment, &total);
    if (!environment[at] || (strlen(environment[at]) <= ARGUMENT_MAX && total <= ENVIRONMENT_MAX)) return true;
    drop(environment, at, dropped);
  }
  return false;
}
