#include "matcher.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"

/* Between two looks at the clock: about 1 ms. */
#define STEPS 100000
#define NONE 0xffffffffu /* before the first character, and behind the last */

struct place {
  uint32_t before, after;
  bool last; /* nothing follows `after` */
};

static bool is_word(uint32_t c) { return c != NONE && character_is(c, CLASS_WORD); }

static bool holds(enum assertion assertion, struct place place) {
  bool before = is_word(place.before), after = is_word(place.after);
  switch (assertion) {
    case AT_START: return place.before == NONE;
    /* Also before the carriage return of a line that ends in CR LF. */
    case AT_END: return place.after == NONE || (place.after == '\r' && place.last);
    case AT_TEXT_END: return place.after == NONE;
    case AT_WORD_EDGE: return before != after;
    case NOT_AT_WORD_EDGE: return before == after;
    case AT_WORD_START: return !before && after;
    case AT_WORD_END: return before && !after;
  }
  return false;
}

static void *list_of(size_t n, size_t size) {
  void *p = calloc(n, size);
  if (!p) _exit(70);
  return p;
}

static bool listed(const struct thread_list *list, uint32_t pc) {
  uint32_t at = list->sparse[pc];
  return at < list->n && list->dense[at] == pc;
}

/* Lists the thread, unless it is listed already. */
static bool list_thread(struct thread_list *list, uint32_t pc) {
  if (listed(list, pc)) return false;
  list->sparse[pc] = (uint32_t)list->n;
  list->dense[list->n++] = pc;
  return true;
}

/* Puts the threads on the stack to which the instruction leads without a character. Returns the new depth. */
static size_t follow(struct matcher *m, uint32_t pc, bool assertion_holds, size_t depth) {
  const struct instruction *i = &m->program.code[pc];
  if (i->operation == OP_ASSERT && assertion_holds) m->stack[depth++] = pc + 1;
  if (i->operation == OP_JUMP || i->operation == OP_SPLIT) m->stack[depth++] = (uint32_t)((int32_t)pc + i->x);
  if (i->operation == OP_SPLIT) m->stack[depth++] = (uint32_t)((int32_t)pc + i->y);
  return depth;
}

/* Adds the thread and all that it leads to without a character. True where it leads to the end of the program. */
static bool add(struct matcher *m, struct thread_list *list, uint32_t start, struct place place) {
  size_t depth = 0;
  m->stack[depth++] = start;
  while (depth > 0) {
    uint32_t pc = m->stack[--depth];
    if (!list_thread(list, pc)) continue;
    const struct instruction *i = &m->program.code[pc];
    if (i->operation == OP_MATCH) return true;
    depth = follow(m, pc, i->operation == OP_ASSERT && holds((enum assertion)i->x, place), depth);
  }
  return false;
}

static bool takes(const struct program *program, const struct instruction *i, uint32_t c) {
  if (i->operation == OP_CHARACTER) return (uint32_t)i->x == c;
  if (i->operation == OP_SET) return set_holds(program, &program->sets[i->x], c);
  return i->operation == OP_ANY && (i->x == 1 || c != '\n');
}

/* Which bytes a match can begin with, assertions taken for fulfilled. */
static void find_first(struct matcher *m) {
  struct thread_list *list = &m->now;
  size_t depth = 0;
  m->stack[depth++] = 0;
  while (depth > 0) {
    uint32_t pc = m->stack[--depth];
    if (!list_thread(list, pc)) continue;
    const struct instruction *i = &m->program.code[pc];
    if (i->operation == OP_MATCH) m->anywhere = true;
    depth = follow(m, pc, true, depth);
    if (i->operation > OP_ANY) continue;
    bool ascii = i->operation == OP_CHARACTER && i->x < 128;
    for (uint32_t c = 0; c < 256; c++) m->first[c] |= c < 128 ? takes(&m->program, i, c) : !ascii;
  }
  list->n = 0;
}

void matcher_init(struct matcher *m, struct program program) {
  *m = (struct matcher){.program = program};
  for (int i = 0; i < 2; i++) {
    struct thread_list *list = i == 0 ? &m->now : &m->next;
    list->dense = list_of(program.n, sizeof *list->dense);
    list->sparse = list_of(program.n, sizeof *list->sparse);
  }
  /* Each instruction is taken from the stack at most once, and puts two there. */
  m->stack = list_of(2 * program.n + 1, sizeof *m->stack);
  find_first(m);
}

/* The longest that ends here: its last byte alone would be none. */
static uint32_t character_before(const uint8_t *line, size_t at) {
  size_t length;
  if (at == 0) return NONE;
  for (size_t back = at < 4 ? at : 4; back > 1; back--) {
    uint32_t c = character_at(line + at - back, back, &length);
    if (length == back) return c;
  }
  return character_at(line + at - 1, 1, &length);
}

/* The character at `at`, and whether it is the last. */
static struct place look(const uint8_t *line, size_t n, size_t at, uint32_t before, size_t *length) {
  *length = 0;
  uint32_t after = at < n ? character_at(line + at, n - at, length) : NONE;
  return (struct place){before, after, at + *length == n};
}

static bool is_late(struct matcher *m) {
  m->steps += m->now.n;
  if (m->give_up_at == 0 || m->steps < STEPS) return false;
  m->steps = 0;
  return now_ms() >= m->give_up_at;
}

bool matcher_find(struct matcher *m, const uint8_t *line, size_t n, size_t *end) {
  size_t at = 0, length;
  uint32_t before = NONE;
  m->now.n = 0;
  for (;;) {
    if (m->now.n == 0 && !m->anywhere) {
      size_t from = at;
      while (at < n && !m->first[line[at]]) at++;
      if (at == n) return false;
      if (at > from) before = character_before(line, at);
    }
    *end = at;
    struct place place = look(line, n, at, before, &length);
    if (add(m, &m->now, 0, place)) return true;
    if (at == n) return false;
    size_t following;
    struct place then = look(line, n, at + length, place.after, &following);
    m->next.n = 0;
    *end = at + length;
    for (size_t i = 0; i < m->now.n; i++) {
      uint32_t pc = m->now.dense[i];
      if (takes(&m->program, &m->program.code[pc], place.after) && add(m, &m->next, pc + 1, then)) return true;
    }
    struct thread_list old = m->now;
    m->now = m->next;
    m->next = old;
    before = place.after;
    at += length;
    if (is_late(m)) return false;
  }
}

void matcher_free(struct matcher *m) {
  program_free(&m->program);
  free(m->now.dense);
  free(m->now.sparse);
  free(m->next.dense);
  free(m->next.sparse);
  free(m->stack);
  *m = (struct matcher){0};
}
