/** Prints one figure for run.js: a name, a value with its unit, and a bound such as "<= 5" where there is one. */
export function report(name, value, unit, bound) {
  process.stdout.write(`${JSON.stringify({ name, value, unit, ...(bound === undefined ? {} : { bound }) })}\n`);
}
