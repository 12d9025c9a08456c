#include "pattern.h"

#include <string.h>

#include "bracket.h"

#define TOO_LARGE "it is too large"
#define DEPTH_MAX 200
#define REPEAT_MAX 1000
#define UNLIMITED -1

static bool emit(struct parser *p, enum operation operation, int32_t x, int32_t y) {
  return program_add(p->program, (struct instruction){(uint8_t)operation, x, y}) || parse_refuse(p, p->at, TOO_LARGE);
}

static bool insert(struct parser *p, size_t at, enum operation operation, int32_t x, int32_t y) {
  return program_insert(p->program, at, (struct instruction){(uint8_t)operation, x, y}) ||
         parse_refuse(p, p->at, TOO_LARGE);
}

static bool copy(struct parser *p, size_t from, size_t n) {
  return program_repeat(p->program, from, n) || parse_refuse(p, p->at, TOO_LARGE);
}

static bool parse_alternatives(struct parser *p);

/* {n}, {n,}, {,m} or {n,m} here; false, without a problem, where the brace stands for itself. */
static bool parse_counts(struct parser *p, int *least, int *most) {
  int numbers[2] = {0, UNLIMITED}, digits[2] = {0, 0}, which = 0;
  size_t at = p->at + 1;
  for (; p->text[at] && p->text[at] != '}'; at++) {
    char c = p->text[at];
    if (c == ',' && which == 0) {
      which = 1;
      continue;
    }
    if (c < '0' || c > '9') return false;
    int before = digits[which]++ == 0 ? 0 : numbers[which];
    numbers[which] = before > REPEAT_MAX ? before : before * 10 + (c - '0');
  }
  if (p->text[at] != '}' || digits[0] + digits[1] == 0) return false;
  p->at = at + 1;
  *least = numbers[0];
  *most = which == 0 ? numbers[0] : numbers[1];
  return true;
}

static bool parse_quantifier(struct parser *p, int *least, int *most) {
  char c = p->text[p->at];
  if (c == '{') return parse_counts(p, least, most);
  if (c != '*' && c != '+' && c != '?') return false;
  p->at++;
  *least = c == '+';
  *most = c == '?' ? 1 : UNLIMITED;
  return true;
}

/* The part from `start` on, already there once, from `least` to `most` times. */
static bool repeat(struct parser *p, size_t start, int least, int most) {
  size_t n = p->program->n - start;
  if (most == 0) {
    p->program->n = start;
    return true;
  }
  if (least == 0 && most == UNLIMITED)
    return insert(p, start, OP_SPLIT, 1, (int32_t)n + 2) && emit(p, OP_JUMP, -(int32_t)n - 1, 0);
  size_t from = start;
  if (least == 0) {
    /* All optional parts lead to the same end. */
    if (!insert(p, start, OP_SPLIT, 1, (int32_t)((n + 1) * (size_t)most))) return false;
    from = start + 1;
  }
  for (int i = 1; i < least; i++)
    if (!copy(p, from, n)) return false;
  if (most == UNLIMITED) return emit(p, OP_SPLIT, -(int32_t)n, 1);
  for (int i = least == 0 ? 1 : least; i < most; i++)
    if (!emit(p, OP_SPLIT, 1, (int32_t)((n + 1) * (size_t)(most - i))) || !copy(p, from, n)) return false;
  return true;
}

static bool parse_repeats(struct parser *p, size_t start) {
  int least, most;
  size_t at = p->at;
  if (!parse_quantifier(p, &least, &most)) return p->problem == NULL;
  if (least > REPEAT_MAX || most > REPEAT_MAX) return parse_refuse(p, at, "more than 1000 repetitions");
  if (most != UNLIMITED && most < least) return parse_fail(p, at, "the numbers in { } are the wrong way round");
  /* Lazy or greedy, the same lines match. */
  if (p->text[p->at] == '?') p->at++;
  else if (p->text[p->at] == '+') return parse_refuse(p, p->at, "a possessive quantifier such as *+");
  at = p->at;
  if (parse_quantifier(p, &(int){0}, &(int){0})) return parse_fail(p, at, "nothing to repeat");
  return repeat(p, start, least, most);
}

/* Letters of (?i) or (?i-s:, behind the question mark. */
static bool parse_flags(struct parser *p) {
  bool on = true;
  size_t at = p->at;
  for (;; p->at++) {
    switch (p->text[p->at]) {
      case '-': on = false; break;
      case 'i': p->fold = on; break;
      case 's': p->dot_all = on; break;
      /* Each line is searched for itself, and all text is Unicode. */
      case 'm':
      case 'u': break;
      case ':':
      case ')': return p->at > at || parse_fail(p, at, "nothing to repeat");
      default: return parse_refuse(p, at - 2, "this kind of group");
    }
  }
}

/* Skips what stands between ( and the group's content. *empty: the group was only flags. */
static bool parse_group_kind(struct parser *p, bool *empty) {
  const char *here = p->text + p->at;
  *empty = false;
  if (here[0] == '*') return parse_refuse(p, p->at - 1, "a verb such as (*FAIL)");
  if (here[0] != '?') return true;
  if (here[1] == '=' || here[1] == '!') return parse_refuse(p, p->at - 1, "look-ahead");
  if (here[1] == '<' && (here[2] == '=' || here[2] == '!'))
    return parse_refuse(p, p->at - 1, "look-behind");
  if (here[1] == '>') return parse_refuse(p, p->at - 1, "an atomic group");
  bool named = here[1] == '<' || (here[1] == 'P' && here[2] == '<');
  if (named) {
    const char *end = strchr(here, '>');
    if (!end) return parse_fail(p, p->at - 1, "missing >");
    p->at = (size_t)(end + 1 - p->text);
    return true;
  }
  p->at++;
  if (p->text[p->at] == ':') {
    p->at++;
    return true;
  }
  if (!parse_flags(p)) return false;
  *empty = p->text[p->at] == ')';
  p->at++;
  return true;
}

/* Behind (. *group: something that can be repeated. */
static bool parse_group(struct parser *p, bool *group) {
  size_t at = p->at - 1;
  bool fold = p->fold, dot_all = p->dot_all, empty;
  if (!parse_group_kind(p, &empty)) return false;
  *group = !empty;
  if (empty) return true;
  if (++p->depth > DEPTH_MAX) return parse_refuse(p, at, "more than 200 groups in each other");
  if (!parse_alternatives(p)) return false;
  p->depth--;
  if (p->text[p->at] != ')') return parse_fail(p, at, "missing )");
  p->at++;
  p->fold = fold;
  p->dot_all = dot_all;
  return true;
}

static bool parse_backslash(struct parser *p) {
  static const char letters[] = "bB<>AzZ";
  static const enum assertion assertions[] = {AT_WORD_EDGE, NOT_AT_WORD_EDGE, AT_WORD_START, AT_WORD_END,
                                              AT_START,     AT_TEXT_END,      AT_TEXT_END};
  char letter = p->text[p->at];
  const char *found = letter ? strchr(letters, letter) : NULL;
  if (found) {
    p->at++;
    return emit(p, OP_ASSERT, (int32_t)assertions[found - letters], 0);
  }
  if (is_class_letter(letter)) {
    p->at++;
    return emit_class(p, letter);
  }
  uint32_t c;
  return parse_escape(p, &c) && emit_character(p, c);
}

/* One thing that can be repeated, and its quantifier. */
static bool parse_piece(struct parser *p) {
  size_t start = p->program->n, at = p->at;
  char c = p->text[p->at++];
  bool done, repeatable = true;
  switch (c) {
    case '(': done = parse_group(p, &repeatable); break;
    case '[': done = parse_bracket(p); break;
    case '\\': done = parse_backslash(p); break;
    case '.': done = emit(p, OP_ANY, p->dot_all, 0); break;
    case '^': done = emit(p, OP_ASSERT, AT_START, 0); break;
    case '$': done = emit(p, OP_ASSERT, AT_END, 0); break;
    case '*':
    case '+':
    case '?': return parse_fail(p, at, "nothing to repeat");
    default:
      p->at = at;
      if (c == '{' && parse_counts(p, &(int){0}, &(int){0})) return parse_fail(p, at, "nothing to repeat");
      done = emit_character(p, parse_character(p));
  }
  return done && (!repeatable || parse_repeats(p, start));
}

static bool parse_sequence(struct parser *p) {
  while (p->at < p->n && p->text[p->at] != '|' && p->text[p->at] != ')')
    if (!parse_piece(p)) return false;
  return true;
}

/* SPLIT one; JUMP end; two: the jumps are completed once the end is known. */
static bool parse_alternatives(struct parser *p) {
  size_t start = p->program->n, jump = 0;
  if (!parse_sequence(p)) return false;
  while (p->text[p->at] == '|') {
    p->at++;
    if (!insert(p, start, OP_SPLIT, 1, (int32_t)(p->program->n - start) + 2)) return false;
    /* Each jump holds the number of the one before it, plus one. */
    if (!emit(p, OP_JUMP, (int32_t)jump, 0)) return false;
    jump = p->program->n;
    start = p->program->n;
    if (!parse_sequence(p)) return false;
  }
  while (jump > 0) {
    struct instruction *instruction = &p->program->code[jump - 1];
    size_t before = (size_t)instruction->x;
    instruction->x = (int32_t)(p->program->n - (jump - 1));
    jump = before;
  }
  return true;
}

/* Characters up to this byte. */
static size_t characters_to(const char *text, size_t at) {
  size_t count = 0;
  for (size_t i = 0; i < at && text[i]; i++) count += (text[i] & 0xc0) != 0x80;
  return count;
}

bool pattern_compile(const char *text, bool line_breaks, struct program *program, struct pattern_problem *problem) {
  struct parser p = {.text = text, .n = strlen(text), .program = program, .line_breaks = line_breaks};
  *program = (struct program){0};
  bool done = parse_alternatives(&p);
  if (done && p.at < p.n) done = parse_fail(&p, p.at, "a ) without its (");
  if (done && emit(&p, OP_MATCH, 0, 0)) return true;
  *problem = (struct pattern_problem){p.problem, p.unsupported, characters_to(text, p.problem_at) + 1};
  return false;
}
