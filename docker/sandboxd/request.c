#include "request.h"

#include <string.h>

#include "frames.h"

#define TIMEOUT_MAX_MS (24ull * 3600 * 1000)
#define KEEP_MAX (1u << 20)

/* Where the number with this tag goes, or NULL. */
static uint64_t *number_of(struct request *r, uint8_t tag) {
  switch (tag) {
    case COMMAND_TAG_KIND: return &r->kind;
    case COMMAND_TAG_TIMEOUT_MS: return &r->timeout_ms;
    case COMMAND_TAG_KEEP_BYTES: return &r->keep_bytes;
    case COMMAND_TAG_OUTPUT_BYTES: return &r->output_bytes;
    case COMMAND_TAG_OFFSET: return &r->offset;
    case COMMAND_TAG_LENGTH: return &r->length;
    case COMMAND_TAG_MODE: return &r->mode;
    case COMMAND_TAG_DEPTH: return &r->depth;
    case COMMAND_TAG_LIMIT: return &r->limit;
    case COMMAND_TAG_AS_SHELL: return &r->as_shell;
    case COMMAND_TAG_LONGEST_MS: return &r->longest_ms;
    default: return NULL;
  }
}

static bool add(struct span *list, size_t *count, struct span value) {
  if (*count == ARGUMENTS_MAX) return false;
  list[(*count)++] = value;
  return true;
}

static bool put_text(struct request *r, uint8_t tag, struct span value) {
  switch (tag) {
    case COMMAND_TAG_TEXT: r->text = value; return true;
    case COMMAND_TAG_ARGUMENT: return add(r->argv, &r->argc, value);
    case COMMAND_TAG_VARIABLE: return add(r->env, &r->envc, value);
    case COMMAND_TAG_DIRECTORY: r->directory = value; return r->has_directory = true;
    case COMMAND_TAG_PATH:
      if (!r->home_path) r->path = value;
      return true;
    case COMMAND_TAG_HOME_PATH: r->path = value; return r->home_path = true;
    case COMMAND_TAG_PATTERN: r->pattern = value; return true;
    case COMMAND_TAG_GLOB: r->glob = value; return r->has_glob = true;
    default: return true;
  }
}

static bool has_nul(struct span value) { return value.n > 0 && memchr(value.p, 0, value.n); }

static bool put(struct request *r, uint8_t tag, struct span value) {
  uint64_t *number = number_of(r, tag);
  if (number) return field_number(value, number);
  if (tag == COMMAND_TAG_DATA) {
    r->data = value;
    return true;
  }
  /* All others become C strings, except code: Python says itself what is wrong with a NUL. */
  if (tag != COMMAND_TAG_TEXT && has_nul(value)) return false;
  return put_text(r, tag, value);
}

bool request_parse(struct span fields, struct request *out) {
  uint8_t tag;
  struct span value;
  memset(out, 0, sizeof *out);
  while (field_next(&fields, &tag, &value))
    if (!put(out, tag, value)) return false;
  if (fields.n > 0 || out->kind < WORK_SHELL || out->kind > WORK_PROBE) return false;
  if (out->kind != WORK_PYTHON && has_nul(out->text)) return false;
  if (out->timeout_ms > TIMEOUT_MAX_MS) out->timeout_ms = TIMEOUT_MAX_MS;
  if (out->longest_ms > TIMEOUT_MAX_MS) out->longest_ms = TIMEOUT_MAX_MS;
  if (out->keep_bytes > KEEP_MAX) out->keep_bytes = KEEP_MAX;
  return out->kind != WORK_EXEC || out->argc > 0;
}
