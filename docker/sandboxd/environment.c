#include "environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *environment_get(char *const *environment, const char *name) {
  size_t n = strlen(name);
  for (; *environment; environment++)
    if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=') return *environment + n + 1;
  return NULL;
}

static bool same_name(const char *a, const char *b) {
  size_t n = strcspn(a, "=");
  return n == strcspn(b, "=") && strncmp(a, b, n) == 0;
}

char **environment_with(char **base, char *const *added, size_t count) {
  size_t n = 0, at = 0;
  while (base[n]) n++;
  char **out = calloc(n + count + 1, sizeof *out);
  if (!out) _exit(70);
  for (size_t i = 0; i < n; i++) {
    bool replaced = false;
    for (size_t k = 0; k < count && !replaced; k++) replaced = same_name(base[i], added[k]);
    if (!replaced) out[at++] = base[i];
  }
  for (size_t k = 0; k < count; k++) out[at++] = added[k];
  return out;
}

char **strings_copy(char *const *environment) {
  size_t n = 0;
  while (environment[n]) n++;
  char **out = calloc(n + 1, sizeof *out);
  if (!out) _exit(70);
  for (size_t i = 0; i < n; i++)
    if (!(out[i] = strdup(environment[i]))) _exit(70);
  return out;
}

void strings_free(char **environment) {
  for (char **e = environment; e && *e; e++) free(*e);
  free(environment);
}
