import { ensureBuilt } from '../../bin/build.js';

/** Process tests run the compiled program: compile it once, before any of them. */
export default function setup(): void {
  ensureBuilt();
}
