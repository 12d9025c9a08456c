#include "killing.h"

#include <signal.h>
#include <stddef.h>

#include "clock.h"
#include "table.h"
#include "tree.h"

#define PAUSE_MAX_MS 32

void kill_everything(void) {
  kill(-1, SIGKILL);
  for (struct call *call = table_next(NULL); call; call = table_next(call))
    if (call_active(call)) call->reach = REACH_EVERYTHING;
}

/* A pass over /proc can miss a process that was forked during it, so two passes must find none. Where nothing is spared,
 * the supervisor must have ended too: it stays as long as anything is below it. */
static bool all_dead(struct call *call, int alive, bool spare) {
  call->clear_passes = alive ? 0 : call->clear_passes + 1;
  if (!call_ended(call)) return false;
  if (call->child->direct) return alive == 0;
  return call->clear_passes >= 2 && (spare || call->child->supervisor == 0);
}

/* Returns how many processes were alive. `spare`: the interpreter lives on, and what it started earlier. */
static int kill_processes(const struct call *call, bool spare) {
  const struct child *child = call->child;
  if (child->direct) return !child->ended && kill(child->main, SIGKILL) == 0;
  return tree_kill(child, spare ? child->main : 0, spare ? call->own.start_ticks : 0);
}

bool kill_pass(struct call *call) {
  int64_t now = now_ms();
  bool spare = call->done && !call->child->ended;
  int alive = kill_processes(call, spare);
  if (alive && call->reach == REACH_NONE) call->reach = REACH_TREE;
  if (all_dead(call, alive, spare)) return true;
  call->kill_at = now + call->kill_pause;
  call->kill_pause = call->kill_pause < PAUSE_MAX_MS ? call->kill_pause * 2 : PAUSE_MAX_MS;
  if (now < call->kill_until) return false;
  if (call->reach != REACH_EVERYTHING) {
    kill_everything();
    call->kill_until = now + KILL_MS;
    return false;
  }
  /* SIGKILL does not end a process that sleeps in the kernel: the ending is reported without it. */
  if (!call_ended(call)) call->child->status = SIGKILL;
  return true;
}

bool kill_begin(struct call *call) {
  call->interrupt_until = 0;
  call->kill_until = now_ms() + KILL_MS;
  call->kill_pause = 1;
  return kill_pass(call);
}
