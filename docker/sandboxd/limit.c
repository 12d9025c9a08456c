#include "limit.h"

#include "clock.h"
#include "counters.h"

/* What this container's processes ran, or could not run for their own quota, since the call began; -1: not known. */
static int64_t used_ms(const struct call *call) {
  int64_t now[COUNTERS];
  const int64_t *before = call->before;
  counters_read(now);
  if (now[COUNTER_CPU_USAGE_US] < 0 || before[COUNTER_CPU_USAGE_US] < 0) return -1;
  if (now[COUNTER_CPU_THROTTLED_US] < 0 || before[COUNTER_CPU_THROTTLED_US] < 0) return -1;
  int64_t throttled = now[COUNTER_CPU_THROTTLED_US] - before[COUNTER_CPU_THROTTLED_US];
  return (now[COUNTER_CPU_USAGE_US] - before[COUNTER_CPU_USAGE_US] + throttled) / 1000;
}

/* When a command that is starved all the time is ended: where the extension is used up, it goes on once more, up to the
 * longest time that a call may have. */
static int64_t last_moment(const struct call *call) {
  int64_t grace = call->limit * GRACE_TIMES < GRACE_MS ? call->limit * GRACE_TIMES : GRACE_MS;
  int64_t extended = call->limit + grace;
  return call->started_at + (extended > call->longest ? extended : call->longest);
}

enum kill_reason limit_reached(struct call *call) {
  int64_t used = used_ms(call), now = now_ms();
  call->starved = used < 0 ? 0 : tree_starved_ms(call->child, call->main_before, call->own.start_ticks, used);
  /* Less than a twentieth is usual on any busy host. */
  if (call->starved < call->limit / 20) call->starved = 0;
  int64_t due = call->started_at + call->limit + call->starved;
  int64_t last = last_moment(call);
  if (due <= now) return KILL_TIMEOUT;
  if (last <= now) return KILL_STARVED;
  call->deadline = due < last ? due : last;
  return KILL_NONE;
}
