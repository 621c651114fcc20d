export interface Mutation {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

export function bundleSimulation(folder: string, mutation?: Mutation): Promise<string>;
