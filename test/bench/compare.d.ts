interface Figure {
  readonly name: string;
  readonly value: number;
}

export function readFigures(file: string): ReadonlyMap<string, number>;
export function changeSince(
  former: ReadonlyMap<string, number> | undefined,
  bench: string,
  figure: Figure,
  format: (value: number) => string,
): string;
