/* A compiled pattern: instructions with relative jumps, so that a part can be moved and copied as it is. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "characters.h"

/* Bounds the memory of a pattern and the time per character. */
#define PROGRAM_MAX 20000

enum operation { OP_CHARACTER, OP_SET, OP_ANY, OP_SPLIT, OP_JUMP, OP_ASSERT, OP_MATCH };
enum assertion { AT_START, AT_END, AT_TEXT_END, AT_WORD_EDGE, NOT_AT_WORD_EDGE, AT_WORD_START, AT_WORD_END };

/* CHARACTER: the character. SET: its number. ANY: 1 where a newline counts. SPLIT, JUMP: distances. ASSERT: which. */
struct instruction {
  uint8_t operation;
  int32_t x, y;
};

/* A range of characters, or a class. */
struct set_item {
  uint32_t low, high;
  int8_t class; /* -1: a range */
  bool not_class;
};

struct set {
  uint32_t first, count; /* of the items */
  bool negated, folded;
  uint64_t ascii[2];
};

struct program {
  struct instruction *code;
  size_t n;
  struct set *sets;
  size_t set_count;
  struct set_item *items;
  size_t item_count;
};

/* False where the program would become too large. */
bool program_add(struct program *program, struct instruction instruction);
bool program_insert(struct program *program, size_t at, struct instruction instruction);
/* Appends a copy of `n` instructions from `from` on. */
bool program_repeat(struct program *program, size_t from, size_t n);
bool program_add_item(struct program *program, struct set_item item);
/* Completes the set that holds the last `count` items. Its number, or -1. */
int program_add_set(struct program *program, size_t count, bool negated, bool folded);
bool set_holds(const struct program *program, const struct set *set, uint32_t c);
void program_free(struct program *program);

#endif
