// The files of the source that pg_rewind skips (PostgreSQL 15, filemap.c): they are neither copied nor opened here.

const DIRECTORIES =
  /^(?:pg_stat_tmp|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_subtrans)\/|(?:^|\/)pgsql_tmp/
const FILES =
  /(?:^|\/)(?:postgresql\.auto\.conf\.tmp|current_logfiles\.tmp|pg_internal\.init|backup_label|tablespace_map|backup_manifest|postmaster\.pid|postmaster\.opts)(?:\.\d+)?$/

export function isPassedOver(path: string): boolean {
  return DIRECTORIES.test(path) || FILES.test(path)
}
