#include "bracket.h"

#include <string.h>

#define TOO_LARGE "it is too large"
#define NEWLINE "a line break (each line is searched for itself)"

static bool fail(struct parser *p, size_t at, const char *problem, bool unsupported) {
  if (p->problem) return false;
  p->problem = problem;
  p->problem_at = at;
  p->unsupported = unsupported;
  return false;
}

bool parse_fail(struct parser *p, size_t at, const char *problem) { return fail(p, at, problem, false); }
bool parse_refuse(struct parser *p, size_t at, const char *problem) { return fail(p, at, problem, true); }

uint32_t parse_character(struct parser *p) {
  size_t length;
  uint32_t c = character_at((const uint8_t *)p->text + p->at, p->n - p->at, &length);
  p->at += length;
  return c;
}

static bool add_item(struct parser *p, struct set_item item) {
  return program_add_item(p->program, item) || parse_refuse(p, p->at, TOO_LARGE);
}

static bool emit_set(struct parser *p, size_t count, bool negated) {
  int set = program_add_set(p->program, count, negated, p->fold);
  struct instruction instruction = {OP_SET, set, 0};
  return (set >= 0 && program_add(p->program, instruction)) || parse_refuse(p, p->at, TOO_LARGE);
}

bool emit_character(struct parser *p, uint32_t c) {
  if (c == '\n' && !p->line_breaks) return parse_refuse(p, p->at, NEWLINE);
  if (p->fold && (character_lower(c) != c || character_upper(c) != c)) {
    struct set_item item = {c, c, -1, false};
    struct set_item other = {character_lower(c), character_lower(c), -1, false};
    return add_item(p, item) && add_item(p, other) && emit_set(p, 2, false);
  }
  return program_add(p->program, (struct instruction){OP_CHARACTER, (int32_t)c, 0}) ||
         parse_refuse(p, p->at, TOO_LARGE);
}

bool is_class_letter(char letter) { return letter && strchr("dDwWsS", letter) != NULL; }

static struct set_item class_item(char letter) {
  char small = (char)(letter | 0x20);
  int class = small == 'd' ? CLASS_DIGIT : small == 'w' ? CLASS_WORD : CLASS_SPACE;
  return (struct set_item){0, 0, (int8_t)class, letter != small};
}

bool emit_class(struct parser *p, char letter) { return add_item(p, class_item(letter)) && emit_set(p, 1, false); }

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  char small = (char)(c | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

/* Up to `most` digits, at least `least`. */
static bool parse_hex(struct parser *p, int least, int most, uint32_t *c) {
  int digits = 0;
  for (*c = 0; digits < most && hex_digit(p->text[p->at]) >= 0 && *c <= CHARACTER_MAX; digits++)
    *c = *c << 4 | (uint32_t)hex_digit(p->text[p->at++]);
  if (digits >= least && *c <= CHARACTER_MAX) return true;
  return parse_fail(p, p->at, "a hexadecimal number is missing or too large");
}

static bool parse_code_point(struct parser *p, int digits, uint32_t *c) {
  if (p->text[p->at] != '{') return parse_hex(p, digits, digits, c);
  p->at++;
  if (!parse_hex(p, 1, 8, c)) return false;
  if (p->text[p->at] != '}') return parse_fail(p, p->at, "missing }");
  p->at++;
  return true;
}

bool parse_escape(struct parser *p, uint32_t *c) {
  static const char letters[] = "tnrfvae0", values[] = "\t\n\r\f\v\a\033";
  size_t at = p->at - 1;
  char letter = p->text[p->at];
  if (!letter) return parse_fail(p, at, "nothing behind the last \\");
  const char *found = strchr(letters, letter);
  if (found && !(letter == '0' && p->text[p->at + 1] >= '0' && p->text[p->at + 1] <= '7')) {
    p->at++;
    *c = (uint8_t)values[found - letters];
    return true;
  }
  if (letter == 'x' || letter == 'u' || letter == 'U') {
    p->at++;
    return parse_code_point(p, letter == 'x' ? 2 : letter == 'u' ? 4 : 8, c);
  }
  if (letter == '0') return parse_refuse(p, at, "an octal number (\\xNN is hexadecimal)");
  if (letter >= '1' && letter <= '9') return parse_refuse(p, at, "a back-reference");
  if (letter == 'p' || letter == 'P') return parse_refuse(p, at, "\\p{...}");
  if (letter == 'k' || letter == 'g') return parse_refuse(p, at, "a back-reference");
  if ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z') return parse_refuse(p, at, "this escape");
  *c = parse_character(p);
  return true;
}

/* [:name:], at the [. */
static bool parse_posix(struct parser *p) {
  size_t start = p->at + 2;
  bool not = p->text[start] == '^';
  const char *name = p->text + start + not, *end = strstr(name, ":]");
  int class = end ? character_class_named(name, (size_t)(end - name)) : -1;
  if (class < 0) return parse_fail(p, p->at, "an unknown class in [: :]");
  p->at = (size_t)(end + 2 - p->text);
  return add_item(p, (struct set_item){0, 0, (int8_t)class, not});
}

/* A character, of which a range may begin; a class, which is added, sets *class. */
static bool parse_member(struct parser *p, uint32_t *c, bool *class) {
  const char *here = p->text + p->at;
  *class = false;
  if (here[0] == '[' && here[1] == ':') {
    *class = true;
    return parse_posix(p);
  }
  if (here[0] == '[' && (here[1] == '.' || here[1] == '='))
    return parse_refuse(p, p->at, "[. .] and [= =]");
  if (here[0] == '&' && here[1] == '&') return parse_refuse(p, p->at, "&& between classes");
  if (here[0] != '\\') {
    *c = parse_character(p);
    return true;
  }
  p->at++;
  char letter = p->text[p->at];
  if (is_class_letter(letter)) {
    p->at++;
    *class = true;
    return add_item(p, class_item(letter));
  }
  if (letter == 'b') {
    p->at++;
    *c = '\b';
    return true;
  }
  return parse_escape(p, c);
}

static bool parse_range(struct parser *p) {
  uint32_t low, high;
  bool class;
  size_t at = p->at;
  if (!parse_member(p, &low, &class)) return false;
  if (class) return true;
  high = low;
  if (p->text[p->at] == '-' && p->text[p->at + 1] != ']' && p->text[p->at + 1]) {
    p->at++;
    if (!parse_member(p, &high, &class)) return false;
    if (class) return parse_fail(p, at, "a range that ends with a class");
    if (high < low) return parse_fail(p, at, "a range whose end is before its beginning");
  }
  return add_item(p, (struct set_item){low, high, -1, false});
}

static bool only_newline(struct parser *p, size_t items) {
  for (size_t i = items; i < p->program->item_count; i++) {
    const struct set_item *item = &p->program->items[i];
    if (item->class >= 0 || item->low != '\n' || item->high != '\n') return false;
  }
  return true;
}

bool parse_bracket(struct parser *p) {
  size_t at = p->at - 1, items = p->program->item_count;
  bool negated = p->text[p->at] == '^';
  p->at += negated;
  for (bool first = true; first || p->text[p->at] != ']'; first = false) {
    if (p->at >= p->n) return parse_fail(p, at, "missing ]");
    if (!parse_range(p)) return false;
  }
  p->at++;
  if (!negated && !p->line_breaks && only_newline(p, items)) return parse_refuse(p, at, NEWLINE);
  return emit_set(p, p->program->item_count - items, negated);
}
