import { ensureBuilt } from './build.js';

try {
  ensureBuilt();
} catch (error) {
  process.stderr.write(`quorate: ${error.message}\n`);
  process.exit(1);
}
await import('../dist/cli/main.js');
