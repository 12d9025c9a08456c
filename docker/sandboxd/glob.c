#include "glob.h"

#include <string.h>

#include "bytes.h"

/* A glob on its way to a regular expression. */
struct translation {
  const char *text;
  size_t at;
  struct bytes out;
  int braces;
  const char *problem;
};

static void put(struct translation *t, const char *text) { bytes_append(&t->out, text, strlen(text)); }

static void put_literal(struct translation *t, char c) {
  bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
  if (!letter) put(t, "\\");
  bytes_append(&t->out, &c, 1);
}

static bool begins_part(const struct translation *t, size_t at) {
  return at == 0 || t->text[at - 1] == '/' || (t->braces > 0 && (t->text[at - 1] == '{' || t->text[at - 1] == ','));
}

static bool ends_part(const struct translation *t, size_t at) {
  char c = t->text[at];
  return c == 0 || c == '/' || (t->braces > 0 && (c == ',' || c == '}'));
}

/* One star or more here. */
static void put_stars(struct translation *t) {
  size_t start = t->at;
  while (t->text[t->at] == '*') t->at++;
  if (t->at - start != 2 || !begins_part(t, start) || !ends_part(t, t->at)) {
    put(t, "[^/]*");
  } else if (t->text[t->at] == '/') {
    put(t, "(?s:.*/)?");
    t->at++;
  } else {
    put(t, "(?s:.*)");
  }
}

/* [...] here; its end, or NULL. */
static const char *bracket_end(const char *text) {
  const char *p = text + 1;
  if (*p == '!' || *p == '^') p++;
  if (*p == ']') p++;
  for (; *p && *p != ']'; p++) {
    if (p[0] == '[' && p[1] == ':') {
      const char *end = strstr(p, ":]");
      if (end) p = end + 1;
    } else if (p[0] == '\\' && p[1]) {
      p++;
    }
  }
  return *p ? p : NULL;
}

static bool put_bracket(struct translation *t) {
  const char *p = t->text + t->at, *end = bracket_end(p);
  if (!end) {
    t->problem = "missing ]";
    return false;
  }
  put(t, "[");
  p++;
  if (*p == '!' || *p == '^') put(t, "^/"), p++;
  /* As the first member ] stands for itself; behind the slash it would not be first. */
  if (*p == ']') put(t, "\\]"), p++;
  bytes_append(&t->out, p, (size_t)(end - p));
  put(t, "]");
  t->at = (size_t)(end + 1 - t->text);
  return true;
}

static bool opens_range(const char *text) {
  const char *end = strchr(text, '}'), *dots = strstr(text, "..");
  return end && dots && dots < end && !memchr(text, ',', (size_t)(end - text)) && !memchr(text, '/', (size_t)(end - text));
}

static bool put_one(struct translation *t) {
  char c = t->text[t->at];
  switch (c) {
    case '*': put_stars(t); return true;
    case '[': return put_bracket(t);
    case '?': put(t, "[^/]"); break;
    case '{':
      if (opens_range(t->text + t->at)) return t->problem = "{a..b} stands for no range here", false;
      put(t, "(?:");
      t->braces++;
      break;
    case '}':
      if (t->braces == 0) put_literal(t, c);
      else put(t, ")"), t->braces--;
      break;
    case ',':
      if (t->braces == 0) put_literal(t, c);
      else put(t, "|");
      break;
    case '\\':
      if (!t->text[++t->at]) return t->problem = "nothing behind the last \\", false;
      put_literal(t, t->text[t->at]);
      break;
    default: put_literal(t, c);
  }
  t->at++;
  return true;
}

static bool translate(const char *text, struct matcher *matcher, struct pattern_problem *problem) {
  struct translation t = {.text = text};
  struct program program;
  put(&t, "\\A(?:");
  while (text[t.at] && put_one(&t)) continue;
  if (!t.problem && t.braces > 0) t.problem = "missing }";
  put(&t, ")\\z");
  bytes_append(&t.out, "", 1);
  bool done = !t.problem && pattern_compile((const char *)t.out.p, true, &program, problem);
  bytes_free(&t.out);
  if (t.problem) *problem = (struct pattern_problem){t.problem, false, 0};
  problem->character = 0;
  if (done) matcher_init(matcher, program);
  return done;
}

/* A folder stands for all that is below it. */
static void complete(struct bytes *out, const char *text) {
  const char *slash = strchr(text, '/');
  size_t n = strlen(text);
  if (slash && slash == text + n - 1) bytes_append(out, "**/", 3);
  bytes_append(out, text, n);
  if (slash && text[n - 1] == '/') bytes_append(out, "**", 2);
  bytes_append(out, "", 1);
}

bool glob_compile(const char *text, struct glob *glob, struct pattern_problem *problem) {
  struct bytes whole = {0};
  *glob = (struct glob){.negated = text[0] == '!'};
  text += glob->negated;
  while (text[0] == '.' && text[1] == '/') text += 2;
  complete(&whole, text);
  glob->by_path = strchr((char *)whole.p, '/') != NULL;
  const char *shown = (char *)whole.p, *below = shown + (shown[0] == '/');
  bool done = translate(below, &glob->below, problem) && translate(shown, &glob->shown, problem);
  bytes_free(&whole);
  return done;
}

static bool matches(struct matcher *matcher, const char *text) {
  size_t end;
  return matcher_find(matcher, (const uint8_t *)text, strlen(text), &end);
}

bool glob_matches(struct glob *glob, const char *name, const char *below, const char *shown) {
  if (!glob->by_path) return matches(&glob->below, name);
  return matches(&glob->below, below) || matches(&glob->shown, shown);
}
