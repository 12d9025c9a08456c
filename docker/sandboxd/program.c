#include "program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room for one more; the capacity is the next power of two. */
static void *grown(void *list, size_t n, size_t size) {
  if (n > 0 && (n & (n - 1)) != 0) return list;
  void *p = realloc(list, (n == 0 ? 1 : 2 * n) * size);
  if (!p) _exit(70);
  return p;
}

bool program_add(struct program *program, struct instruction instruction) {
  if (program->n >= PROGRAM_MAX) return false;
  program->code = grown(program->code, program->n, sizeof *program->code);
  program->code[program->n++] = instruction;
  return true;
}

bool program_insert(struct program *program, size_t at, struct instruction instruction) {
  if (!program_add(program, instruction)) return false;
  struct instruction *place = program->code + at;
  memmove(place + 1, place, (program->n - 1 - at) * sizeof *place);
  *place = instruction;
  return true;
}

bool program_repeat(struct program *program, size_t from, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (!program_add(program, program->code[from + i])) return false;
  return true;
}

bool program_add_item(struct program *program, struct set_item item) {
  if (program->item_count >= PROGRAM_MAX) return false;
  program->items = grown(program->items, program->item_count, sizeof *program->items);
  program->items[program->item_count++] = item;
  return true;
}

static bool in_items(const struct program *program, const struct set *set, uint32_t c) {
  for (uint32_t i = 0; i < set->count; i++) {
    const struct set_item *item = &program->items[set->first + i];
    if (item->class < 0 ? c >= item->low && c <= item->high
                        : character_is(c, (enum character_class)item->class) != item->not_class)
      return true;
  }
  return false;
}

static bool decide(const struct program *program, const struct set *set, uint32_t c) {
  bool found = in_items(program, set, c) || (set->folded && (in_items(program, set, character_lower(c)) ||
                                                             in_items(program, set, character_upper(c))));
  return found != set->negated;
}

int program_add_set(struct program *program, size_t count, bool negated, bool folded) {
  if (program->set_count >= PROGRAM_MAX) return -1;
  struct set set = {.first = (uint32_t)(program->item_count - count), .count = (uint32_t)count,
                    .negated = negated, .folded = folded};
  for (uint32_t c = 0; c < 128; c++)
    if (decide(program, &set, c)) set.ascii[c / 64] |= 1ull << c % 64;
  program->sets = grown(program->sets, program->set_count, sizeof *program->sets);
  program->sets[program->set_count] = set;
  return (int)program->set_count++;
}

bool set_holds(const struct program *program, const struct set *set, uint32_t c) {
  return c < 128 ? set->ascii[c / 64] >> c % 64 & 1 : decide(program, set, c);
}

void program_free(struct program *program) {
  free(program->code);
  free(program->sets);
  free(program->items);
  *program = (struct program){0};
}
