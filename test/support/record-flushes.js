// Loaded before a program: writes down which files and folders it flushes, and what each folder held at that moment.
import { appendFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';

const probe = await open(process.execPath);
const handles = Object.getPrototypeOf(probe);
await probe.close();
const { sync } = handles;

handles.sync = async function recorded() {
  await sync.call(this);
  const path = readlinkSync(`/proc/self/fd/${this.fd}`);
  const names = statSync(path).isDirectory() ? readdirSync(path) : [];
  appendFileSync(process.env.FLUSHES_FILE, `${JSON.stringify({ path, names })}\n`);
};
