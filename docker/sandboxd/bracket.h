/* Escapes and bracket expressions of regular expressions. */
#ifndef BRACKET_H
#define BRACKET_H

#include "program.h"

/* The pattern while it is compiled. A function that finds a problem sets it, and returns false. */
struct parser {
  const char *text; /* ends with NUL */
  size_t at, n;
  struct program *program;
  const char *problem; /* the first one found; NULL: none */
  bool unsupported;
  size_t problem_at;
  bool fold, dot_all; /* (?i), (?s) */
  bool line_breaks;   /* the text may hold some */
  int depth;          /* of groups */
};

bool parse_fail(struct parser *p, size_t at, const char *problem);
bool parse_refuse(struct parser *p, size_t at, const char *problem);
/* The character here, which is skipped. */
uint32_t parse_character(struct parser *p);
/* One that stands for itself, or in both cases. */
bool emit_character(struct parser *p, uint32_t c);
/* Behind a backslash: the letter of a class, such as d in \d. */
bool emit_class(struct parser *p, char letter);
bool is_class_letter(char letter);
/* Behind a backslash: the character that the escape stands for. */
bool parse_escape(struct parser *p, uint32_t *c);
/* Behind [. */
bool parse_bracket(struct parser *p);

#endif
