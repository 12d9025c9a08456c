/* The frames to the controller, not sealed yet. README.md has their fields. */
#ifndef REPORTS_H
#define REPORTS_H

#include <stddef.h>
#include <stdint.h>

#include "bytes.h"
#include "call.h"

struct state {
  const uint32_t *running;
  size_t running_n;
  uint32_t last_call;
  uint64_t refused_frames;
};

struct bytes report_state(const struct state *state);
struct bytes report_started(const struct call *call);
struct bytes report_start_failed(const struct call *call);
struct bytes report_exited(struct call *call);
struct bytes report_forgotten(uint32_t number);

#endif
