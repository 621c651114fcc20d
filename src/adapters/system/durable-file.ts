import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Writes a file that appears whole, and survives a loss of power once this resolves. */
export async function writeDurably(path: string, content: string | Uint8Array): Promise<void> {
  const draft = `${path}.new`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await flushFolder(dirname(path));
}

/**
 * What the file holds, and first what `content` gives where there is none. Either way it survives a loss of power from
 * then on: an earlier start may have ended between the rename and its flush.
 */
export async function readOrMakeDurably(path: string, content: () => string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    await flush(path);
    await flushFolder(dirname(path));
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const text = content();
  await writeDurably(path, text);
  return text;
}

/** Makes the folder and those above it that are missing; all of them survive a loss of power once this resolves. */
export async function makeFolderDurably(folder: string, mode: number): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode });
  if (first === undefined) return flushFolder(dirname(resolve(folder)));
  for (let made = resolve(folder); made.length >= resolve(first).length; made = dirname(made)) {
    await flushFolder(dirname(made));
  }
}

/** The names in a folder. One that this user may write and not read can't be flushed, nor can some file systems do it. */
export async function flushFolder(folder: string): Promise<void> {
  try {
    await flush(folder);
  } catch (error) {
    if (!['EACCES', 'EINVAL', 'ENOTSUP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
