import type { Migration } from '../../domain/migration.js';
import type { migrations } from './schema/migrations.js';

type Row = typeof migrations.$inferSelect;

export function migrationOf({ createdAt: _c, startedAt, estimatedCompletion, ...row }: Row): Migration {
  return { ...row, startedAt: seconds(startedAt), estimatedCompletion: seconds(estimatedCompletion) };
}

export function migrationRow({
  startedAt,
  estimatedCompletion,
  ...migration
}: Migration): typeof migrations.$inferInsert {
  return { ...migration, startedAt: momentOf(startedAt), estimatedCompletion: momentOf(estimatedCompletion) };
}

/** 0 stands for never. */
function seconds(moment: Date | null): number {
  return moment === null ? 0 : Math.floor(moment.getTime() / 1000);
}

function momentOf(unixSeconds: number): Date | null {
  return unixSeconds === 0 ? null : new Date(unixSeconds * 1000);
}
