#include "table.h"

#include <stddef.h>

static struct call calls[CALLS_MAX];

struct call *table_next(const struct call *call) {
  for (size_t i = call ? (size_t)(call - calls) + 1 : 0; i < CALLS_MAX; i++)
    if (calls[i].state != CALL_FREE) return &calls[i];
  return NULL;
}

struct call *table_find(uint32_t number) {
  for (struct call *call = table_next(NULL); call; call = table_next(call))
    if (call->number == number) return call;
  return NULL;
}

struct call *table_slot(void) {
  for (int i = 0; i < CALLS_MAX; i++)
    if (calls[i].state == CALL_FREE) return &calls[i];
  return NULL;
}
