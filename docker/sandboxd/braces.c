#include "braces.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

const char *bracket_end(const char *text) {
  const char *p = text + 1;
  if (*p == '!' || *p == '^') p++;
  if (*p == ']') p++;
  for (; *p && *p != ']'; p++) {
    const char *end = p[0] == '[' && p[1] == ':' ? strstr(p, ":]") : NULL;
    if (end) p = end + 1;
    else if (p[0] == '\\' && p[1]) p++;
  }
  return *p ? p : NULL;
}

/* The next character that means something to braces, from here on: { } or , or the end. */
static const char *next_sign(const char *p) {
  for (; *p && *p != '{' && *p != '}' && *p != ','; p++) {
    const char *end = *p == '[' ? bracket_end(p) : NULL;
    if (end) p = end;
    else if (*p == '\\' && p[1]) p++;
  }
  return p;
}

static const char *closing(const char *open) {
  int depth = 0;
  for (const char *p = open;; p = next_sign(p + 1)) {
    if (*p == 0) return NULL;
    depth += (*p == '{') - (*p == '}');
    if (depth == 0) return p;
  }
}

static const char *first_open(const char *text) {
  const char *p = next_sign(text);
  while (*p && *p != '{') p = next_sign(p + 1);
  return *p ? p : NULL;
}

/* {1..3}, which a shell would count up. */
static bool is_range(const char *open, const char *close) {
  const char *dots = strstr(open, "..");
  return dots && dots < close && !memchr(open, ',', (size_t)(close - open)) && !memchr(open, '/', (size_t)(close - open));
}

static char *joined(const char *before, size_t n, const char *inside, size_t m, const char *after) {
  struct bytes b = {0};
  bytes_append(&b, before, n);
  bytes_append(&b, inside, m);
  bytes_append(&b, after, strlen(after) + 1);
  return (char *)b.p;
}

/* Puts what the first braces of text `at` stand for in its place, the first there and the others at the end. */
static const char *expand_one(struct alternatives *out, size_t at, const char *open) {
  char *text = out->texts[at];
  const char *close = closing(open), *from = open + 1;
  if (!close) return "missing }";
  if (is_range(open, close)) return "{a..b} stands for no range here";
  for (bool first = true; from <= close; first = false) {
    const char *to = from;
    for (int depth = 0; to < close && (depth > 0 || *to != ','); to = next_sign(to + 1))
      depth += (*to == '{') - (*to == '}');
    if (!first && out->n == ALTERNATIVES_MAX) {
      free(text);
      return "more than 1000 alternatives";
    }
    char *one = joined(text, (size_t)(open - text), from, (size_t)(to - from), close + 1);
    out->texts[first ? at : out->n++] = one;
    from = to + 1;
  }
  free(text);
  return NULL;
}

const char *expand_braces(const char *text, struct alternatives *out) {
  out->n = 1;
  out->texts[0] = strdup(text);
  for (size_t at = 0; at < out->n;) {
    const char *open = first_open(out->texts[at]);
    const char *problem = open ? expand_one(out, at, open) : NULL;
    if (problem) return problem;
    if (!open) at++;
  }
  return NULL;
}

void alternatives_free(struct alternatives *alternatives) {
  for (size_t i = 0; i < alternatives->n; i++) free(alternatives->texts[i]);
  alternatives->n = 0;
}
