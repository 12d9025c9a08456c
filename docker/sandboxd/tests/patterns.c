#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "glob.h"
#include "matcher.h"
#include "pattern.h"
#include "tests.h"

static bool finds(const char *pattern, const char *line) {
  struct program program;
  struct pattern_problem problem;
  struct matcher matcher;
  size_t end;
  if (!pattern_compile(pattern, false, &program, &problem)) {
    printf("%s: %s\n", pattern, problem.text);
    assert(false);
  }
  matcher_init(&matcher, program);
  bool found = matcher_find(&matcher, (const uint8_t *)line, strlen(line), &end);
  matcher_free(&matcher);
  return found;
}

static void patterns_find_what_they_mean(void) {
  assert(finds("\\Bo\\B", "foot") && !finds("\\Bt", "t t"));
  assert(finds("\\<foo\\>", "a foo.") && !finds("\\<foo\\>", "afoo"));
  assert(finds("foo$", "foo\r") && finds("\\r$", "foo\r") && !finds("foo\\z", "foo\r"));
  assert(finds("^.$", "\xc3\xa9") && finds("^.$", "\xff") && !finds("^..$", "\xc3\xa9"));
  assert(finds("\\b/", "\xc3\xa9/") && finds("(?i)\xc3\x89", "\xc3\xa9"));
  assert(finds("^(a|ab)(c|bcd)$", "abcd") && finds("(a*)*b", "aaab") && finds("x{0}y", "y"));
  assert(finds("^(?:ab){2,3}$", "ababab") && !finds("^(?:ab){2,3}$", "abababab"));
  assert(finds("[^\\d\\s]", "1 x") && !finds("[^\\d\\s]", "1 2") && finds("[]a]", "]") && finds("[a\\]]", "]"));
  assert(finds("[[:alpha:]_]+\\d", "x_1") && finds("\\x41\\u{3bb}", "A\xce\xbb"));
  assert(finds("(?P<n>a)(?<m>b)", "ab") && finds("(?i:A)b", "ab") && !finds("(?i:A)B", "ab"));
  assert(finds("a{,2}b", "b") && finds("{a}", "{a}") && finds("", "") && finds("a|", "x"));
}

static void refused(const char *pattern, bool unsupported) {
  struct program program;
  struct pattern_problem problem;
  bool done = pattern_compile(pattern, false, &program, &problem);
  program_free(&program);
  if (done) printf("%s: compiled\n", pattern);
  assert(!done && problem.text && problem.character > 0 && problem.unsupported == unsupported);
}

static void what_is_not_understood_is_refused(void) {
  static const char *const unsupported[] = {
      "(?=a)", "(?!a)", "(?<=a)", "(?<!a)", "(?>a)", "a*+", "(a)\\1", "\\k<a>", "\\p{L}", "\\K", "a\\nb", "[\\n]", "(?x)a",
      "(?(1)a)", "(?R)", "(?#c)", "(?|a)", "(*FAIL)", "\\012", "a{1001}", "[[.a.]]", "[a&&b]", "(((a{200}){200}){200})", "\n"};
  static const char *const malformed[] = {"(", ")", "[", "[a", "a**", "*a", "+", "a{2}{3}", "a{3,2}", "[z-a]",
                                          "\\", "\\xZZ", "\\x{110000}", "[[:nope:]]", "(?P<n", "[a-\\d]", "(?)"};
  for (size_t i = 0; i < sizeof unsupported / sizeof unsupported[0]; i++) refused(unsupported[i], true);
  for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) refused(malformed[i], false);
  char deep[1000] = "";
  memset(deep, '(', 500);
  refused(deep, true);
}

static bool selects(const char *text, const char *folder, const char *path) {
  struct glob glob;
  struct pattern_problem problem;
  assert(glob_compile(text, folder, &glob, &problem));
  const char *slash = strrchr(path, '/');
  bool found = glob_matches(&glob, slash ? slash + 1 : path, path);
  glob_free(&glob);
  return found;
}

static void globs_select_by_name_or_path(void) {
  assert(selects("*.py", "", "src/a.py") && !selects("*.py", "", "a.pyc") && selects("!*.py", "", "a.py"));
  assert(selects("src/**/*.ts", "", "src/a.ts") && selects("src/**/*.ts", "", "src/x/y/a.ts"));
  assert(!selects("src/**/*.ts", "", "lib/src/a.ts") && selects("**/src/*.ts", "", "lib/src/a.ts"));
  assert(selects("*.{js,ts}", "", "x/a.ts") && selects("{*.md,src/**/*.ts}", "", "x/a.md") && selects("{a,{b,c}}d", "", "cd"));
  assert(selects("/tmp/s/**/*.py", "/tmp/s/", "x/a.py") && selects("s/*.py", "s/", "a.py") && selects("/a.py", "", "a.py"));
  assert(selects("src/", "", "lib/src/x/a") && selects("src/", "", "src/a") && !selects("src/", "", "src"));
  assert(selects("a[!b]c", "", "axc") && !selects("a[!b]c", "", "abc") && selects("[]]", "", "]") && selects("\\*", "", "*"));
  assert(selects("a?c", "", "a\xc3\xa9" "c") && selects("*", "", "new\nline") && selects("a+(b)$", "", "a+(b)$"));
  assert(selects("a<b>.txt", "", "a<b>.txt") && selects("<*>", "", "<x>") && !selects("<a", "", "a"));
  assert(selects("\\[{a,b}]", "", "[b]") && !selects("\\[{a,b}]", "", "[c]") && selects("[{,]{a,b}", "", ",b"));
}

static void glob_refused(const char *text) {
  struct glob glob;
  struct pattern_problem problem;
  assert(!glob_compile(text, "", &glob, &problem) && problem.text && problem.character == 0);
  glob_free(&glob);
}

void test_patterns(void) {
  patterns_find_what_they_mean();
  what_is_not_understood_is_refused();
  globs_select_by_name_or_path();
  glob_refused("{a");
  glob_refused("[a");
  glob_refused("a\\");
  glob_refused("{1..3}");
  glob_refused("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}");
}
