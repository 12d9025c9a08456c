#include "glob.h"

#include <string.h>

#include "braces.h"
#include "bytes.h"

static void put(struct bytes *out, const char *text) { bytes_append(out, text, strlen(text)); }

static void put_literal(struct bytes *out, char c) {
  bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c & 0x80);
  /* \< and \> are the edges of words. */
  if (!letter && c != '<' && c != '>') put(out, "\\");
  bytes_append(out, &c, 1);
}

/* One star or more at *at. Two of them between slashes stand for any folders, none included. */
static void put_stars(struct bytes *out, const char *text, size_t *at) {
  size_t start = *at;
  while (text[*at] == '*') ++*at;
  bool part = (start == 0 || text[start - 1] == '/') && (text[*at] == 0 || text[*at] == '/');
  if (*at - start != 2 || !part) {
    put(out, "[^/]*");
  } else if (text[*at] == '/') {
    put(out, "(?s:.*/)?");
    ++*at;
  } else {
    put(out, "(?s:.*)");
  }
}

static bool put_bracket(struct bytes *out, const char *text, size_t *at) {
  const char *p = text + *at, *end = bracket_end(p++);
  if (!end) return false;
  put(out, "[");
  if (*p == '!' || *p == '^') put(out, "^/"), p++;
  /* As the first member ] stands for itself; behind the slash it would not be first. */
  if (*p == ']') put(out, "\\]"), p++;
  bytes_append(out, p, (size_t)(end - p));
  put(out, "]");
  *at = (size_t)(end + 1 - text);
  return true;
}

/* NULL, or the problem. */
static const char *translate(struct bytes *out, const char *text) {
  for (size_t at = 0; text[at];) {
    if (text[at] == '*') {
      put_stars(out, text, &at);
      continue;
    }
    if (text[at] == '[') {
      if (!put_bracket(out, text, &at)) return "missing ]";
      continue;
    }
    bool escaped = text[at] == '\\';
    at += escaped;
    if (!text[at]) return "nothing behind the last \\";
    if (text[at] == '?' && !escaped) put(out, "[^/]");
    else put_literal(out, text[at]);
    at++;
  }
  return NULL;
}

/* Regular expressions on their way: one alternative after the other. */
struct lists {
  const char *folder;
  struct bytes names, paths;
};

static const char *add(struct bytes *out, const char *text) {
  put(out, out->n == 0 ? "\\A(?:" : "|");
  return translate(out, text);
}

/* A folder stands for all that is below it, at any depth where its name alone is given. */
static const char *add_path(struct lists *lists, const char *text) {
  struct bytes whole = {0};
  size_t n = strlen(text);
  const char *slash = strchr(text + 1, '/');
  if (text[0] == '/') text++, n--;
  else if (slash == text + n - 1) put(&whole, "**/");
  put(&whole, text);
  if (n > 0 && text[n - 1] == '/') put(&whole, "**");
  bytes_append(&whole, "", 1);
  const char *problem = add(&lists->paths, (char *)whole.p);
  bytes_free(&whole);
  return problem;
}

static const char *add_alternative(struct lists *lists, const char *text) {
  size_t n = strlen(lists->folder);
  while (text[0] == '.' && text[1] == '/') text += 2;
  if (!strchr(text, '/')) return add(&lists->names, text);
  const char *problem = add_path(lists, text);
  if (problem || n == 0 || strncmp(text, lists->folder, n) != 0) return problem;
  return add(&lists->paths, text[n] ? text + n : "**");
}

static bool compile(struct bytes *list, struct matcher *matcher, struct pattern_problem *problem) {
  struct program program;
  if (list->n == 0) return true;
  put(list, ")\\z");
  bytes_append(list, "", 1);
  bool done = pattern_compile((char *)list->p, true, &program, problem);
  if (!done) program_free(&program);
  if (!done) return false;
  matcher_init(matcher, program);
  return true;
}

bool glob_compile(const char *text, const char *folder, struct glob *glob, struct pattern_problem *problem) {
  static struct alternatives alternatives;
  struct lists lists = {.folder = folder};
  *glob = (struct glob){.negated = text[0] == '!'};
  const char *failure = expand_braces(text + glob->negated, &alternatives);
  for (size_t i = 0; i < alternatives.n && !failure; i++) failure = add_alternative(&lists, alternatives.texts[i]);
  alternatives_free(&alternatives);
  glob->has_names = lists.names.n > 0;
  glob->has_paths = lists.paths.n > 0;
  bool done = !failure && compile(&lists.names, &glob->names, problem) && compile(&lists.paths, &glob->paths, problem);
  if (failure) *problem = (struct pattern_problem){.text = failure};
  /* It would count in the regular expression. */
  problem->character = 0;
  bytes_free(&lists.names);
  bytes_free(&lists.paths);
  return done;
}

static bool matches(struct matcher *matcher, const char *text) {
  size_t end;
  return matcher_find(matcher, (const uint8_t *)text, strlen(text), &end);
}

bool glob_matches(struct glob *glob, const char *name, const char *path) {
  return (glob->has_names && matches(&glob->names, name)) || (glob->has_paths && matches(&glob->paths, path));
}

void glob_free(struct glob *glob) {
  matcher_free(&glob->names);
  matcher_free(&glob->paths);
}
