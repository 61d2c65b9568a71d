// The `log` section: Patroni's keys. Those that belong to Python's logging have no effect here.

import { boolean, choice, integer, mapping, path, text } from './leaf.ts'
import { jsonFields, level } from './leaf-log.ts'
import { never, optional, setting } from './setting.ts'

const NO_PYTHON_LOG = (key: string) => never(key, 'it belongs to the logging of Python')

export const LOG = {
  'log.type': setting(choice(['plain', 'json']), 'plain', {
    env: 'PATRONI_LOG_TYPE',
    about: 'Lines of text, or JSON.',
  }),
  'log.level': setting(level(), 'INFO', {
    env: 'PATRONI_LOG_LEVEL',
    about: 'Least severity that is written.',
  }),
  'log.traceback_level': setting(choice(['DEBUG', 'ERROR']), 'ERROR', {
    env: 'PATRONI_LOG_TRACEBACK_LEVEL',
    support: NO_PYTHON_LOG('log.traceback_level'),
    about: 'Not used.',
  }),
  'log.format': setting(
    jsonFields(),
    { text: '%(asctime)s %(levelname)s: %(message)s', fields: null },
    {
      env: 'PATRONI_LOG_FORMAT',
      shown: '%(asctime)s %(levelname)s: %(message)s',
      about:
        'Line format in Python notation; for type json also a list of fields, each `field` or `{field: new name}`.',
    },
  ),
  'log.dateformat': optional(text(), {
    env: 'PATRONI_LOG_DATEFORMAT',
    shown: 'YYYY-MM-DD HH:MM:SS,mmm in local time',
    about: 'Format of asctime in strftime notation.',
  }),
  'log.static_fields': setting(
    mapping(),
    {},
    { env: 'PATRONI_LOG_STATIC_FIELDS', about: 'Fields added to every line of type json.' },
  ),
  'log.max_queue_size': setting(integer(), 1000, {
    env: 'PATRONI_LOG_MAX_QUEUE_SIZE',
    support: NO_PYTHON_LOG('log.max_queue_size'),
    about: 'Not used.',
  }),
  'log.dir': optional(path(), {
    env: 'PATRONI_LOG_DIR',
    shown: 'none: standard output',
    about: 'Directory of patroni.log, which is rotated.',
  }),
  'log.mode': optional(integer({ min: 0, max: 0o777 }), {
    env: 'PATRONI_LOG_MODE',
    shown: '0666 less the umask',
    about: 'Mode of the file, e.g. 0644.',
  }),
  'log.file_num': setting(integer({ min: 0 }), 4, {
    env: 'PATRONI_LOG_FILE_NUM',
    about: 'Rotated files that are kept.',
  }),
  'log.file_size': setting(integer({ min: 1 }), 25_000_000, {
    env: 'PATRONI_LOG_FILE_SIZE',
    about: 'Bytes after which the file is rotated.',
  }),
  'log.loggers': setting(
    mapping(),
    {},
    {
      env: 'PATRONI_LOG_LOGGERS',
      support: NO_PYTHON_LOG('log.loggers'),
      about: 'Not used.',
    },
  ),
  'log.deduplicate_heartbeat_logs': setting(boolean(), false, {
    env: 'PATRONI_LOG_DEDUPLICATE_HEARTBEAT_LOGS',
    about: 'Repeated heartbeat lines are written once.',
  }),
} as const

/** Older names of variables, still read by Patroni. */
export const OLD_VARIABLES: Readonly<Record<string, string>> = {
  PATRONI_LOGLEVEL: 'log.level',
  PATRONI_LOGFORMAT: 'log.format',
  PATRONI_LOG_DATEFMT: 'log.dateformat',
}
