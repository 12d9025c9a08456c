/* Characters of UTF-8 text and their classes. */
#ifndef CHARACTERS_H
#define CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What stands for a byte that is not UTF-8, as in the text that the model is shown. */
#define REPLACEMENT 0xfffdu
#define CHARACTER_MAX 0x10ffffu

enum character_class {
  CLASS_WORD,
  CLASS_DIGIT,
  CLASS_SPACE,
  CLASS_ALPHA,
  CLASS_ALNUM,
  CLASS_UPPER,
  CLASS_LOWER,
  CLASS_PUNCT,
  CLASS_CNTRL,
  CLASS_GRAPH,
  CLASS_PRINT,
  CLASS_XDIGIT,
  CLASS_BLANK,
};

/* The first character of `n` bytes, n > 0, and its length. */
uint32_t character_at(const uint8_t *p, size_t n, size_t *length);
bool character_is(uint32_t c, enum character_class class);
uint32_t character_lower(uint32_t c);
uint32_t character_upper(uint32_t c);
/* The class with this POSIX name, such as "alpha"; -1 where there is none. */
int character_class_named(const char *name, size_t n);

#endif
