/* The numbers of the protocol between controller and sandboxd. A test compares each with src/protocol/tags.ts. None of
 * them may change: a controller also talks to sandboxes that an earlier version has started. README.md has the byte
 * form. */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#define INSTANCE_BYTES 16
#define FRAME_MAX_BYTES (4u << 20)
/* How far a time limit moves at most for a command that others kept from the processors: ten times its length, and
 * at most this; then once more, up to COMMAND_TAG_LONGEST_MS after its start. */
#define GRACE_TIMES 10
#define GRACE_MS 120000

enum command_type { COMMAND_RESUME = 1, COMMAND_START = 2, COMMAND_ACKNOWLEDGE = 3, COMMAND_CANCEL = 4 };

enum report_type {
  REPORT_STATE = 16,
  REPORT_STARTED = 17,
  REPORT_START_FAILED = 18,
  REPORT_EXITED = 19,
  REPORT_FORGOTTEN = 20,
};

enum work_kind {
  WORK_SHELL = 1,
  WORK_PYTHON = 2,
  WORK_EXEC = 3,
  WORK_READ_FILE = 4,
  WORK_WRITE_FILE = 5,
  WORK_LIST_FILES = 6,
  WORK_SEARCH_FILES = 7,
  WORK_PROBE = 8,
};

enum command_tag {
  COMMAND_TAG_KIND = 1,
  COMMAND_TAG_TIMEOUT_MS = 2,
  COMMAND_TAG_KEEP_BYTES = 3,
  COMMAND_TAG_OUTPUT_BYTES = 4,
  COMMAND_TAG_TEXT = 5,
  COMMAND_TAG_ARGUMENT = 6,
  COMMAND_TAG_VARIABLE = 7,
  COMMAND_TAG_DIRECTORY = 8,
  COMMAND_TAG_DATA = 9,
  COMMAND_TAG_PATH = 10,
  COMMAND_TAG_OFFSET = 11,
  COMMAND_TAG_LENGTH = 12,
  COMMAND_TAG_MODE = 13,
  COMMAND_TAG_DEPTH = 14,
  COMMAND_TAG_LIMIT = 15,
  COMMAND_TAG_PATTERN = 16,
  COMMAND_TAG_GLOB = 17,
  COMMAND_TAG_HOME_PATH = 18,
  COMMAND_TAG_AS_SHELL = 20,
  COMMAND_TAG_LONGEST_MS = 40,
};

enum report_tag {
  REPORT_TAG_WAIT_STATUS = 1,
  REPORT_TAG_KILL_REASON = 2,
  REPORT_TAG_KILL_REACH = 3,
  REPORT_TAG_INTERPRETER = 4,
  REPORT_TAG_RAISED = 5,
  REPORT_TAG_ERRNO = 6,
  REPORT_TAG_STARTED_AT_MS = 7,
  REPORT_TAG_EXITED_AT_MS = 8,
  REPORT_TAG_STAGE = 9,
  REPORT_TAG_BEFORE = 10,
  REPORT_TAG_AFTER = 11,
  REPORT_TAG_STDOUT = 12,
  REPORT_TAG_STDERR = 13,
  REPORT_TAG_PAYLOAD = 14,
  REPORT_TAG_PID = 15,
  REPORT_TAG_VERSION = 20,
  REPORT_TAG_SHELL = 21,
  REPORT_TAG_PYTHON = 22,
  REPORT_TAG_NOW_MS = 23,
  REPORT_TAG_RUNNING = 24,
  REPORT_TAG_LAST_CALL = 25,
  REPORT_TAG_REFUSED_FRAMES = 26,
  REPORT_TAG_STARVED_MS = 27,
  REPORT_TAG_ORDER = 28,
  REPORT_TAG_UNKEPT = 29,
  REPORT_TAG_FACTS = 30,
  REPORT_TAG_BEFORE_MORE = 40,
  REPORT_TAG_AFTER_MORE = 41,
};

enum kill_reason { KILL_NONE = 0, KILL_TIMEOUT = 1, KILL_OUTPUT = 2, KILL_CANCELLED = 3, KILL_STARVED = 4 };
enum kill_reach { REACH_NONE = 0, REACH_TREE = 1, REACH_EVERYTHING = 2 };
enum interpreter_fate { FATE_KEPT = 0, FATE_LOST = 1, FATE_REPLACED = 2 };
/* What a call does not pass on to the next, or did not get: README.md, "State that is not kept is named". */
enum unkept_kind {
  UNKEPT_STATE = 1,
  UNKEPT_VARIABLE = 2,
  UNKEPT_VARIABLES = 3,
  UNKEPT_DIRECTORY = 4,
  UNKEPT_START_DIRECTORY = 5,
};
enum start_stage { STAGE_FORK = 0, STAGE_EXEC = 1 };

/* What file work reports beside its payload: u8 fact, u64 value, repeated. messages.ts explains each. */
enum fact {
  FACT_SIZE_BYTES = 1,
  FACT_AT_END = 2,
  FACT_FIRST_LINE = 3,
  FACT_LINES = 4,
  FACT_CHANGED = 5,
  FACT_TYPE = 6,
  FACT_CREATED = 7,
  FACT_WRITTEN_BYTES = 8,
  FACT_BEFORE_BYTES = 9,
  FACT_TOTAL = 10,
  FACT_UNCOUNTED = 11,
  FACT_UNREAD_FOLDERS = 12,
  FACT_UNREAD_FILES = 13,
  FACT_DEEP_FOLDERS = 14,
  FACT_SYSTEM_FOLDERS = 15,
  FACT_LINKS = 16,
  FACT_SEARCHED_FILES = 17,
  FACT_UTF16_FILES = 18,
  FACT_LONG_LINES = 19,
  FACT_OUT_OF_TIME = 20,
  FACT_OWN_PROCESS = 21,
  FACT_RESTORED = 22,
  FACT_DIRECTORY_GONE = 23,
};

/* Places in the fields of counters: a signed 8-byte number each, -1 where unknown or without limit. The first COUNTERS_FIRST
 * are in one field, as in 0.1.0; the others follow in a field of their own, which an older controller ignores. */
enum counter {
  COUNTER_OOM_KILLS = 0,
  COUNTER_MEMORY_USAGE_BYTES = 1,
  COUNTER_MEMORY_PEAK_BYTES = 2,
  COUNTER_MEMORY_LIMIT_BYTES = 3,
  COUNTER_PIDS_CURRENT = 4,
  COUNTER_PIDS_LIMIT = 5,
  COUNTER_PIDS_LIMIT_HITS = 6,
  COUNTER_CPU_USAGE_US = 7,
  COUNTER_CPU_THROTTLED_US = 8,
  COUNTER_CPU_THROTTLED_PERIODS = 9,
  COUNTER_ROOT_FREE_BYTES = 10,
  COUNTER_ROOT_FREE_INODES = 11,
  COUNTER_MEMORY_LIMIT_HITS = 12,
  COUNTER_PIDS_PEAK = 13,
  COUNTER_MEMORY_REACHED_BYTES = 14,
};
#define COUNTERS_FIRST 12
#define COUNTERS 15

#endif
