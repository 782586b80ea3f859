// The part of onnxruntime-web 1.30.0 that drc.js uses.

export class Tensor {
  constructor(type: "float32", data: Float32Array, dims: readonly number[]);
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

export interface ValueMetadata {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

export interface InferenceSession {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  run(feeds: Record<string, Tensor>, fetches: readonly string[]): Promise<Record<string, Tensor>>;
}

export const InferenceSession: {
  create(model: Uint8Array, options?: { executionProviders?: string[]; logSeverityLevel?: number }): Promise<InferenceSession>;
};

export const env: { logLevel: string; wasm: { numThreads: number } };
