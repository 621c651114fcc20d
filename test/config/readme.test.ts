import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { settingsTable } from '../support/settings-table.js';

it("shows every setting in the README's configuration chapter, as --help does", () => {
  expect(readFileSync('README.md', 'utf8')).toContain(settingsTable());
});
